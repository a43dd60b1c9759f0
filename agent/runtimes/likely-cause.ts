export interface Ending {
  exitCode: number
  outOfMemory: boolean
  /** Its last lines. */
  words: string
}

/** What services of the harness say, and what it means; the first that fits. */
const CAUSES: readonly [RegExp, (...found: string[]) => string][] = [
  [/ENOSPC|no space left on device/i, () => 'the disk is full'],
  [
    /ER_ACCESS_DENIED_ERROR|Access denied for user '?([\w-]+)/,
    (user) => `the database refuses the password${user ? ` of ${user}` : ''}: its data are of another install`,
  ],
  [/ECONNREFUSED ([\w.:-]+)/, (where) => `nobody answers at ${where}`],
  [/(?:ENOTFOUND|EAI_AGAIN) ([\w.-]+)/, (host) => `there is no host ${host} in its network`],
  [/EADDRINUSE[^\n]*?:(\d+)/, (port) => `port ${port} is taken inside its container`],
  [/(?:EACCES|EPERM)[^\n]*'([^'\n]+)'/, (path) => `it may not use ${path}`],
  [/Cannot find module '([^'\n]+)'/, (name) => `its image lacks ${name}`],
  [
    /in JSON at position|SyntaxError|YAMLException/,
    () => 'its configuration cannot be read: mojabox plan --show-config',
  ],
]

/** The likely cause of a service's end, in a few words; undefined when nothing that it said is known. */
export function likelyCause({ exitCode, outOfMemory, words }: Ending): string | undefined {
  if (outOfMemory) return 'it was ended as it used more memory than it may'
  for (const [pattern, say] of CAUSES) {
    const found = pattern.exec(words)
    if (found) return say(...found.slice(1))
  }
  if (exitCode === 137) return 'it was killed: by somebody, or for want of memory on the host'
  if (exitCode === 126 || exitCode === 127) return 'its command is not in its image'
  return undefined
}
