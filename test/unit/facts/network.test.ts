import { describe, expect, it } from 'vitest'
import { letsBridgesThrough, parseDroppingChains } from '../../../agent/facts/firewall.ts'
import { parseDockerPools, parseRoutes, peersOf } from '../../../agent/facts/network.ts'
import type { Socket } from '../../../agent/facts/sockets.ts'

describe('parseRoutes', () => {
  it('reads the kernel table', () => {
    const text = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
vpn0\t000010AC\t0100000A\t0003\t0\t0\t0\t0000F0FF\t0\t0\t0
`
    expect(parseRoutes(text)).toEqual([
      { cidr: '0.0.0.0/0', interface: 'eth0', gateway: '192.0.2.1' },
      { cidr: '172.17.0.0/16', interface: 'docker0', gateway: null },
      { cidr: '172.16.0.0/12', interface: 'vpn0', gateway: '10.0.0.1' },
    ])
  })
})

describe('peersOf', () => {
  it('names whoever is connected and the name servers, not this machine', () => {
    const socket = (address: string, remoteAddress: string, state: Socket['state'] = 'established'): Socket => ({
      address,
      remoteAddress,
      state,
      port: 22,
      inode: '1',
    })
    const sockets = [
      socket('10.0.0.7', '172.18.4.20'),
      socket('10.0.0.7', '172.18.4.20'),
      socket('127.0.0.1', '127.0.0.1'),
      socket('10.0.0.7', '10.0.0.7'),
      socket('fd00::2', 'fd00::9'),
      socket('0.0.0.0', '0.0.0.0', 'listening'),
    ]
    const resolv = 'search site\nnameserver 10.0.0.53\nnameserver fd00::53\nnameserver 127.0.0.53\n'
    expect(peersOf(sockets, resolv)).toEqual(['172.18.4.20', '10.0.0.53'])
  })
})

describe('parseDockerPools', () => {
  it('reads daemon.json, and nothing from one without', () => {
    const pools = [{ base: '10.214.0.0/16', size: 24 }]
    expect(parseDockerPools(JSON.stringify({ 'default-address-pools': pools }))).toEqual(pools)
    expect(['', '{}', '{'].map(parseDockerPools)).toEqual([[], [], []])
  })
})

describe('nftables', () => {
  it('finds chains that drop forwarded packets, other than those of iptables', () => {
    const text = `table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
	}
}
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
	}
}
table inet open {
	chain forward {
		type filter hook forward priority filter; policy accept;
	}
}
`
    expect(parseDroppingChains(text)).toEqual(['inet filter forward'])
  })

  it('knows a chain that lets containers through', () => {
    const chain = (rule: string) => `table inet filter {
	chain forward {
		type filter hook forward priority filter; policy drop;
		${rule}
	}
}
`
    expect(letsBridgesThrough(chain('iifname "br-*" accept'))).toBe(true)
    expect(letsBridgesThrough(chain('iifname "br-*" oifname "br-*" counter packets 0 bytes 0 accept'))).toBe(true)
    expect(letsBridgesThrough(chain('accept'))).toBe(true)
    expect(letsBridgesThrough(chain('ct state established,related accept'))).toBe(false)
    expect(letsBridgesThrough(chain('iifname "wg0" accept'))).toBe(false)
  })
})
