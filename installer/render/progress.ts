import type { Io } from '../cli/io.ts'
import { meter } from './meter.ts'

/** One line about work in bytes: redrawn on a terminal, now and then a plain line elsewhere. */
export interface Progress {
  /** Another piece of work begins, measured anew; the same label again changes nothing. */
  label(text: string): void
  update(doneBytes: number, totalBytes: number): void
  /** A line that stays. */
  note(text: string): void
  /** Clears what is redrawn; nothing is shown after it. */
  done(): void
}

const REDRAW_MS = 100
const PLAIN_LINE_MS = 5_000

/** Shows progress on stderr, with rate and time left. */
export function createProgress(io: Io, label: string, now: () => number = Date.now): Progress {
  const redraws = io.isTty && io.env.TERM !== 'dumb'
  const clear = redraws ? '\r\u001b[2K' : ''
  let current = label
  let gauge = begunMeter(now)
  let shownAt = now()
  const show = (text: string): void => {
    shownAt = now()
    io.stderr(redraws ? `${clear}${text.slice(0, io.columns - 1)}` : `${text}\n`)
  }
  show(label)
  return {
    label(text) {
      if (text === current) return
      current = text
      gauge = begunMeter(now)
      show(text)
    },
    update(doneBytes, totalBytes) {
      if (now() - shownAt < (redraws ? REDRAW_MS : PLAIN_LINE_MS)) return
      show(totalBytes === 0 ? current : `${current}: ${gauge.show(doneBytes, totalBytes)}`)
    },
    note: (text) => io.stderr(`${clear}${text}\n`),
    done: () => {
      if (redraws) io.stderr(clear)
    },
  }
}

/** A meter whose first rate counts from now. */
function begunMeter(now: () => number): ReturnType<typeof meter> {
  const gauge = meter('bytes', now)
  gauge.show(0, 0)
  return gauge
}
