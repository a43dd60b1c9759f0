import { nodeExec } from '../../lab/nodes.ts'

const UNIT = `[Service]
ExecStart=/usr/bin/sleep infinity
[Install]
WantedBy=multi-user.target
`

const SCRIPT = `
  mkdir -p /opt/own /etc/docker
  echo 'not for everybody' > /opt/own/app.conf; chmod 640 /opt/own/app.conf
  # For the Docker that somebody meant to install one day: it must stay as it is, and be there afterwards.
  echo '{ "log-level": "warn" }' > /etc/docker/daemon.json
  ln -s /opt/own/other-tool /usr/local/bin/mojabox
  echo 'net.ipv4.conf.all.log_martians = 1' > /etc/sysctl.d/50-own.conf
  sysctl --quiet --load /etc/sysctl.d/50-own.conf
  cat > /etc/systemd/system/own.service
  systemctl --quiet enable --now own.service`

/** Puts onto a host what its owner may have there: files, a setting of the kernel's network, a service that runs. */
export async function plantOwnThings(node: string): Promise<void> {
  await nodeExec(node, ['sh', '-euc', SCRIPT], { input: UNIT })
}
