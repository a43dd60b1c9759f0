/** What a request is about; also the first part of its path. */
export type Resource = 'participants' | 'parties' | 'quotes' | 'transfers'

export type Version = '1.1' | '2.0'

/**
 * The headers of one FSPIOP message. A GET, POST or DELETE asks for an answer and says which versions of it are
 * accepted; a PUT is the answer, and services refuse one that accepts anything.
 */
export function fspiopHeaders(message: {
  method: string
  resource: Resource
  version: Version
  source: string
  destination: string | undefined
  date: Date
}): Record<string, string> {
  const { method, resource, version, source, destination, date } = message
  const type = `application/vnd.interoperability.${resource}+json;version=`
  return {
    'content-type': type + version,
    ...(method !== 'PUT' && { accept: type + version.split('.')[0] }),
    date: date.toUTCString(),
    'fspiop-source': source,
    ...(destination !== undefined && { 'fspiop-destination': destination }),
  }
}
