import { nodeExec } from '../../lab/nodes.ts'

const FOLDER = '/run/lab-argv'
/** Writes each command line that it sees, once. Looks several times a second: what a password is handed to lives longer. */
const SCRIPT = `mkdir -p ${FOLDER}; echo $$ > ${FOLDER}/pid
  while [ -e ${FOLDER}/pid ]; do
    for file in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $file; echo; done 2> /dev/null
    sleep 0.2
  done | awk '!seen[$0]++ {print; fflush()}' > ${FOLDER}/seen`

/** Notes every command line on a node until `stop`, which returns them, a line each. */
export function watchArgv(node: string): { stop(): Promise<string> } {
  const watching = nodeExec(node, ['sh', '-c', SCRIPT])
  watching.catch(() => {})
  return {
    async stop() {
      await nodeExec(node, ['rm', `${FOLDER}/pid`])
      await watching
      const { stdout } = await nodeExec(node, ['cat', `${FOLDER}/seen`])
      await nodeExec(node, ['rm', '-r', FOLDER])
      return stdout
    },
  }
}
