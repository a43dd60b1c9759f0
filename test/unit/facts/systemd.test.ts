import { describe, expect, it } from 'vitest'
import { describeSystemd, parseEnvironment } from '../../../agent/facts/systemd.ts'

const UNITS = `Environment=HTTP_PROXY=http://proxy.site:3128 "NO_PROXY=localhost, 127.0.0.1"
Id=docker.service
ActiveState=active

Id=firewalld.service
ActiveState=inactive

Id=nftables.service
ActiveState=active
`

describe('describeSystemd', () => {
  it('reads the manager and the units that matter', () => {
    const manager = 'Version=252.39-1~deb12u1\nSystemState=running\nEnvironment=LANG=C.UTF-8 PATH=/usr/bin:/bin\n'
    expect(describeSystemd(true, manager, UNITS)).toEqual({
      facts: { booted: true, version: 252, state: 'running' },
      environment: { LANG: 'C.UTF-8', PATH: '/usr/bin:/bin' },
      dockerEnvironment: { HTTP_PROXY: 'http://proxy.site:3128', NO_PROXY: 'localhost, 127.0.0.1' },
      firewalld: false,
      nftables: true,
    })
  })

  it('knows nothing where nothing answers', () => {
    expect(describeSystemd(true, null, null).facts).toEqual({ booted: true, version: null, state: null })
  })
})

describe('parseEnvironment', () => {
  it('reads words, quoted words and values with an equals sign', () => {
    expect(parseEnvironment(`A=1 "B=two words" $'C=it\\'s' D=x=y`)).toEqual({
      A: '1',
      B: 'two words',
      C: "it's",
      D: 'x=y',
    })
  })
})
