import { nodeExec } from '../../lab/nodes.ts'
import { type RunResult, run } from '../../lab/process.ts'

const FOLDER = `/dev/shm/lab-watch-${process.pid}`
/** Writes each environment and command line that it sees, once. Looks several times a second: what a password is handed to lives longer. */
const PERL = `
  while (-e "${FOLDER}/on") {
    for my $kind ("cmdline", "environ") {
      for my $path (glob "/proc/[0-9]*/$kind") {
        open(my $file, "<", $path) or next;
        local $/;
        my $text = <$file> // "";
        my ($process) = $path =~ m{^(.*)/};
        my $groups;
        my $within = open($groups, "<", "$process/cgroup") && <$groups> =~ m{docker[-/][0-9a-f]{64}} ? "container-" : "";
        $text =~ tr/\\0\\n/  /;
        print "$within$kind $text\\n" if $text ne "" && !$seen{"$within$kind $text"}++;
      }
    }
    select(undef, undef, undef, 0.2);
  }`
const SCRIPT = `mkdir -p -m 700 ${FOLDER}; touch ${FOLDER}/on; exec perl -e '${PERL}' > ${FOLDER}/seen`

type Exec = (argv: readonly string[]) => Promise<RunResult>

/**
 * Notes what every process on a node is called with until `stop`, which returns it, a line each: `cmdline …`, `environ …`, with
 * `container-` before it where the process runs in one of the node's containers.
 */
export function watchProcesses(node: string): { stop(): Promise<string> } {
  return watch((argv) => nodeExec(node, argv))
}

/** The same of this machine, which is the desk's. */
export function watchDeskProcesses(): { stop(): Promise<string> } {
  return watch((argv) => run(argv))
}

function watch(exec: Exec): { stop(): Promise<string> } {
  const watching = exec(['sh', '-c', SCRIPT])
  watching.catch(() => {})
  return {
    async stop() {
      await exec(['rm', `${FOLDER}/on`])
      await watching
      const { stdout } = await exec(['cat', `${FOLDER}/seen`])
      await exec(['rm', '-r', FOLDER])
      return stdout
    },
  }
}
