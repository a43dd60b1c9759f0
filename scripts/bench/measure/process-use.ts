import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What a process has used up since it started. */
export interface ProcessUse {
  /** With its ended children. */
  cpuSeconds: number
  peakMemoryBytes: number
}

/** The kernel's unit in /proc/PID/stat, the same on all that we run on. */
const TICKS_A_SECOND = 100

/** @throws Error when it has ended */
export function processUse(pid: number): ProcessUse {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // After the name, which may have blanks: utime, stime, cutime and cstime are the fields 14 to 17 of all.
  const ticks = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 15)
    .map(Number)
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return {
    cpuSeconds: ticks.reduce((sum, each) => sum + each, 0) / TICKS_A_SECOND,
    peakMemoryBytes: Number(peak) * 1024,
  }
}

/** This machine's own Docker daemon, not one in a node. @throws Error without one */
export function dockerDaemonPid(): number {
  const own = readlinkSync('/proc/self/ns/pid')
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((pid) => {
      try {
        return readFileSync(`/proc/${pid}/comm`, 'utf8') === 'dockerd\n' && readlinkSync(`/proc/${pid}/ns/pid`) === own
      } catch {
        // Ended meanwhile.
        return false
      }
    })
  if (found === undefined) throw new Error('looking for the Docker daemon of this machine: none here')
  return Number(found)
}
