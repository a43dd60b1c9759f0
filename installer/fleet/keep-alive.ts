import type { Readable } from 'node:stream'

/** How many intervals without a byte make a link silent: the reply to a ping is due in each. */
const SILENT_INTERVALS = 3

/**
 * Calls back when nothing at all has come from `socket` for three whole intervals. Someone must send a ping in each.
 *
 * ssh2's own count takes only the replies to its pings for life. On a slow line these wait behind up to 2 MiB of our
 * own data (a flow-control window): at 64 KiB/s that is half a minute, and a working transfer would be taken for dead.
 * The host's window adjustments, which come as the data arrive, are signs of life too.
 */
export function watchSilence(socket: Readable, intervalMs: number, onSilent: () => void): { stop(): void } {
  let silent = 0
  socket.on('data', heard)
  // Counted in ticks of this timer, not in time: a laptop that slept has not listened either.
  const timer = setInterval(() => {
    silent += 1
    if (silent <= SILENT_INTERVALS) return
    stop()
    onSilent()
  }, intervalMs)

  function heard(): void {
    silent = 0
  }
  function stop(): void {
    clearInterval(timer)
    socket.off('data', heard)
  }
  return { stop }
}
