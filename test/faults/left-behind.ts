import { nodeExec } from '../lab/nodes.ts'

/** Prints a line for each thing that a command which ended must not leave: what it is, then where. */
const SCRIPT = `
  find /var/lib/mojabox ! -name '*.from-bundle.json' \\( -name '*.partial' -o -name '*.tmp' -o -name '*.new' -o -regex '.*\\.[0-9][0-9][0-9][0-9][0-9]+' \\) -printf 'file %p\\n'
  find /var/lib/mojabox/store/ingest -mindepth 1 -printf 'file %p\\n' 2> /dev/null
  find /run/mojabox -type f -printf 'file %p\n' 2> /dev/null
  find /var/lib/mojabox/packages -mindepth 1 -printf 'file %p\\n' 2> /dev/null
  find /tmp /var/tmp /usr/local/bin /etc/systemd/system /root -name '*mojabox*' ! -path /usr/local/bin/mojabox \\
    ! -path /etc/systemd/system/mojabox-agent.service ! -path '*/multi-user.target.wants/*' ! -name 'systemd-private-*' -printf 'file %p\\n'
  dpkg --audit | sed 's/^/package /'
  systemctl list-units --all --plain --no-legend 'mojabox-*' | awk '$1 != "mojabox-agent.service" {print "unit", $1, $3}'
  agent=$(systemctl show --property MainPID --value mojabox-agent.service)
  for process in /proc/[0-9]*; do
    pid=\${process#/proc/}
    # The agent and what it calls go on.
    grep -q mojabox-agent.service $process/cgroup && continue
    case $(readlink $process/exe) in
      /var/lib/mojabox/*|*/apt-get|*/dpkg|*/docker|*/docker-compose) echo "process $pid" $(tr '\\0' ' ' < $process/cmdline) ;;
    esac
  done 2> /dev/null
  docker image ls --format 'image {{.Repository}}:{{.Tag}}' | grep ' 127\\.0\\.0\\.1:'
  docker ps --all --format 'container {{.Names}} {{.State}}' | grep -v -E ' mojabox-[a-z-]+-1 (running|exited)$'
  true`

/** What a command that has ended left on a host and should not have: files, processes, packages half done, names of images. */
export async function leftBehind(host: string): Promise<string[]> {
  const { stdout } = await nodeExec(host, ['sh', '-c', SCRIPT])
  return stdout.split('\n').filter(Boolean)
}
