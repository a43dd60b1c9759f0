import { describe, expect, it } from 'vitest'
import {
  parseClientConfig,
  parseDaemonConfig,
  parseEnvironmentFile,
  proxyVariables,
} from '../../../agent/facts/proxy.ts'

describe('proxyVariables', () => {
  it('keeps only what concerns proxies, in lower case', () => {
    expect(proxyVariables({ HTTP_PROXY: 'http://p:1', no_proxy: 'localhost', PATH: '/bin', https_proxy: '' })).toEqual({
      http_proxy: 'http://p:1',
      no_proxy: 'localhost',
    })
  })

  it('blots out a password', () => {
    expect(proxyVariables({ http_proxy: 'http://ann:s3cret@proxy:3128' })).toEqual({
      http_proxy: 'http://***@proxy:3128',
    })
  })
})

describe('files with proxies', () => {
  it('reads /etc/environment', () => {
    const text = '# proxy\nexport http_proxy="http://p:1"\nPATH=/usr/bin\nbroken line\n'
    expect(parseEnvironmentFile(text)).toEqual({ http_proxy: 'http://p:1', PATH: '/usr/bin' })
  })

  it('reads what Docker hands to containers', () => {
    const text = JSON.stringify({ auths: {}, proxies: { default: { httpProxy: 'http://p:1', noProxy: '.site' } } })
    expect(parseClientConfig(text)).toEqual({ http_proxy: 'http://p:1', no_proxy: '.site' })
  })

  it('reads daemon.json', () => {
    const text = JSON.stringify({ proxies: { 'https-proxy': 'http://p:1' } })
    expect(parseDaemonConfig(text)).toEqual({ https_proxy: 'http://p:1' })
  })

  it.each(['', '{', '[]', '{"proxies": 7}'])('finds nothing in %j', (text) => {
    expect([parseClientConfig(text), parseDaemonConfig(text)]).toEqual([{}, {}])
  })
})
