import { MojaboxError } from '../../bundles/format/error.ts'

/** @throws MojaboxError `service-unreachable` when nobody answers in time */
export async function httpGet(
  url: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ status: number; body: string }> {
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) })
    return { status: response.status, body: await response.text() }
  } catch (error) {
    signal.throwIfAborted()
    const message = `asking ${url}: ${reasonOf(error, timeoutMs)}`
    throw new MojaboxError({ code: 'service-unreachable', kind: 'step', message }, { cause: error })
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer in ${timeoutMs / 1000} s`
  return error.cause instanceof Error ? error.cause.message : error.message
}
