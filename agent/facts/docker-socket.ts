import { get } from 'node:http'

const SOCKET = '/var/run/docker.sock'
const LIMIT_MS = 5_000

export interface DockerAnswer {
  body: unknown
  apiVersion: string | null
}

/** One GET of Docker's API. @throws what the socket says: ENOENT, ECONNREFUSED, EACCES; a time-out after 5 s */
export function getFromDocker(path: string): Promise<DockerAnswer> {
  return new Promise((resolve, reject) => {
    const request = get(
      { socketPath: SOCKET, path, signal: AbortSignal.timeout(LIMIT_MS), agent: false },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('error', reject)
        response.on('end', () => {
          try {
            const version = response.headers['api-version']
            resolve({ body: JSON.parse(text), apiVersion: typeof version === 'string' ? version : null })
          } catch (error) {
            reject(error)
          }
        })
      },
    )
    request.on('error', reject)
  })
}
