/** An image's full reference: `docker.io/library/redis:8.0`, or by digest. */
export interface Reference {
  /** As names have it (`docker.io`), not where it is fetched. */
  registry: string
  repository: string
  tag: string | undefined
  digest: string | undefined
}

const PATTERN =
  /^(?<registry>localhost(?::\d+)?|[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?|[a-z0-9-]+:\d+)\/(?<repository>[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)(?::(?<tag>\w[\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$/

/** The parts of a full reference, or undefined when the text is none (a short name such as `redis:8.0` is none). */
export function parseReference(text: string): Reference | undefined {
  const groups = PATTERN.exec(text)?.groups
  if (groups?.registry === undefined || groups.repository === undefined) return undefined
  if (groups.tag === undefined && groups.digest === undefined) return undefined
  return { registry: groups.registry, repository: groups.repository, tag: groups.tag, digest: groups.digest }
}

/** The full reference of a name as docker writes it: `redis:8.0` is `docker.io/library/redis:8.0`. */
export function fullName(familiar: string): string {
  const [first = '', ...rest] = familiar.split('/')
  if (rest.length === 0) return `docker.io/library/${familiar}`
  return first.includes('.') || first.includes(':') || first === 'localhost' ? familiar : `docker.io/${familiar}`
}
