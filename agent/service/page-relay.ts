import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { MojaboxError } from '../../bundles/format/error.ts'
import { PAGE_RELAY_MARK, pagePortOf } from '../contract/page.ts'
import { NODE_PATHS } from '../contract/paths.ts'

/**
 * Where the agent of this node serves its page, as the node remembers it. Any user of the node may ask.
 * @throws MojaboxError `not-installed`
 */
export async function installedPagePort(): Promise<number> {
  const text = await readFile(NODE_PATHS.node, 'utf8').catch(() => undefined)
  if (text !== undefined) return pagePortOf(JSON.parse(text).settings?.ports)
  throw new MojaboxError({
    code: 'not-installed',
    kind: 'check',
    message: 'nothing is installed on this node, so there is no page',
    found: `no ${NODE_PATHS.node}`,
    needed: 'a finished `mojabox install`',
    next: 'mojabox install',
  })
}

/**
 * One connection to this node's page over stdin and stdout, for a desk whose sshd may forbid forwarding of ports. Says
 * `PAGE_RELAY_MARK` first; resolves when either side hangs up.
 * @throws MojaboxError `not-installed`, `page-not-served`
 */
export async function relayPage(stdin: NodeJS.ReadStream, stdout: NodeJS.WriteStream): Promise<void> {
  const socket = await connectToPage(await installedPagePort())
  stdout.write(PAGE_RELAY_MARK)
  await new Promise<void>((resolve) => {
    socket.on('error', resolve).on('close', resolve)
    stdout.on('error', () => socket.destroy())
    stdin.on('error', () => socket.destroy())
    stdin.pipe(socket)
    socket.pipe(stdout, { end: false })
  })
}

function connectToPage(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(socket))
    socket.once('error', (error) => reject(pageNotServed(port, error.message)))
  })
}

/** Nobody answers where the page should be. */
export function pageNotServed(port: number, found: string): MojaboxError {
  return new MojaboxError({
    code: 'page-not-served',
    kind: 'host',
    message: `the agent does not serve its page on 127.0.0.1:${port}`,
    found,
    needed: 'the agent of a finished install, on a port that nobody else has',
    next: 'on the node: `systemctl status mojabox-agent` and `journalctl -u mojabox-agent`; settings.ports.page moves it',
  })
}
