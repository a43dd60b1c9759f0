import { docker } from './docker.ts'
import { nodeExec } from './nodes.ts'
import { Terminal } from './terminal.ts'

export const STICK = '/media/stick'
/** The folder that the wizard is started in; its site file is written there. */
export const STICK_SITE = '/home/ops/site'

/** Gives a node the stick that a person carries there: the executable with its bundle beside it. */
export async function plugStick(
  node: string,
  { executable, bundle }: { executable: string; bundle: string },
): Promise<void> {
  await nodeExec(node, ['install', '-d', '-o', 'ops', STICK, STICK_SITE])
  await docker(['cp', executable, `mojabox-lab-${node}:${STICK}/mojabox`])
  await docker(['cp', bundle, `mojabox-lab-${node}:${STICK}/hub.tar`])
}

/** The wizard, as the node's user ops starts it from the stick. `cwd` is the terminal's own, on this machine. */
export function wizardFromStick(node: string, cwd: string): Promise<Terminal> {
  const variables = ['TERM=xterm-256color', 'LANG=C.UTF-8', 'HOME=/home/ops', 'USER=ops']
  const options = ['--interactive', '--tty', '--user', 'ops', '--workdir', STICK_SITE]
  const words = [...options, ...variables.flatMap((variable) => ['--env', variable]), `mojabox-lab-${node}`]
  return Terminal.open(['docker', 'exec', ...words, `${STICK}/mojabox`], { cwd })
}
