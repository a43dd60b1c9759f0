import { existsSync, readdirSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { factsOf } from '../../../bundles/format/error.ts'
import { FUZZ_LIMIT_MS, holds } from '../fuzz/holds.ts'
import { deepJson, spoilt } from '../fuzz/made-up.ts'
import { buildIn, specOf } from './build-in.ts'
import { type FakeRegistry, OCI, putImage, putMultiPlatformImage, startFakeRegistry } from './fake-registry.ts'
import { temporaryFolder } from './temporary-folder.ts'

const SPEC = specOf({ x: 'docker.io/library/x:1' })
const CREDENTIALS = 'dXNlcjpwYXNz'
const MiB = 1024 * 1024

let registry: FakeRegistry
let elsewhere: FakeRegistry
let seenElsewhere: IncomingMessage['headers'][]
beforeEach(async () => {
  registry = await startFakeRegistry()
  elsewhere = await startFakeRegistry()
  seenElsewhere = []
  elsewhere.intercept = (request) => {
    seenElsewhere.push(request.headers)
    return false
  }
})
afterEach(async () => {
  await registry.close()
  await elsewhere.close()
})

/** Builds from the registry; the failure, and whether anything is left but the cache. */
async function built(folder = temporaryFolder(), signal = new AbortController().signal) {
  const wanted = { spec: SPEC, origins: { mirrors: { 'docker.io': registry.host } } }
  const options = { credentialsOf: () => CREDENTIALS, signal }
  const failure = await buildIn(folder, { ...wanted, options }).then(() => undefined, factsOf)
  expect(existsSync(join(folder, 'bundle.tar'))).toBe(failure === undefined)
  return failure
}

/** Answers the manifest's question with this, everything else as it is. */
function answerManifest(answer: (response: ServerResponse, request: IncomingMessage) => void): void {
  registry.intercept = (request, response) => {
    if (!request.url?.includes('/manifests/')) return false
    answer(response, request)
    return true
  }
}

/** Sends a body that has no end, as fast as it is taken; resolves to how much was. */
function endless(response: ServerResponse): Promise<number> {
  let sent = 0
  return new Promise((resolve) => {
    response.on('close', () => resolve(sent))
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(MiB))) sent += MiB
      sent += MiB
    }
    response.on('drain', more)
    more()
  })
}

describe('a registry that means no good', () => {
  it.each([
    ['no JSON', 'not JSON'],
    ['null', 'null'],
    ['a list', '[]'],
    ['a number', '1e999'],
    ['JSON deeper than any program’s stack', deepJson(100_000)],
    ['members of other types', '{"schemaVersion":2,"config":5,"layers":"x","manifests":null}'],
  ])('is refused when its manifest is %s', async (_what, text) => {
    for (const type of [OCI.manifest, OCI.index]) {
      answerManifest((response) => response.writeHead(200, { 'content-type': type }).end(text))
      expect(await built()).toMatchObject({ code: 'image-unsupported', kind: 'usage' })
    }
  })

  it('is refused when a manifest is not what its digest says', async () => {
    const image = putImage(registry, ['layer'])
    registry.tag('library/x', '1', putMultiPlatformImage(registry, ['amd64', 'arm64']))
    answerManifest((response, request) => {
      const bytes = request.url?.includes('sha256:') ? registry.blobs.get(image.digest) : undefined
      const index = [...registry.blobs].find(([, each]) => each.includes('"manifests"'))
      response.writeHead(200, { 'content-type': bytes ? OCI.manifest : OCI.index }).end(bytes ?? index?.[1])
    })
    expect(await built()).toMatchObject({ code: 'digest-mismatch', kind: 'bundle' })
  })

  it('is refused when an index leads to itself, or to another index', async () => {
    const platform = { architecture: 'amd64', os: 'linux' }
    const inner = registry.put(OCI.index, { schemaVersion: 2, mediaType: OCI.index, manifests: [] })
    const outer = registry.put(OCI.index, {
      schemaVersion: 2,
      mediaType: OCI.index,
      manifests: [{ ...inner, platform }],
    })
    registry.tag('library/x', '1', outer)
    expect(await built()).toMatchObject({ code: 'image-unsupported', found: 'an index within an index' })
    answerManifest((response) =>
      response.writeHead(200, { 'content-type': OCI.index }).end(registry.blobs.get(outer.digest)),
    )
    expect(await built()).toMatchObject({ code: 'digest-mismatch', kind: 'bundle' })
  })

  it.each([`sha512:${'0'.repeat(128)}`, 'md5:00', 'sha256:00', 'sha256:../../../../etc/passwd', ''])(
    'is refused when a layer’s digest is %j',
    async (digest) => {
      const image = putImage(registry, ['layer'])
      const json = JSON.parse(String(registry.blobs.get(image.digest)))
      const other = registry.put(OCI.manifest, { ...json, layers: [{ ...json.layers[0], digest }] })
      registry.tag('library/x', '1', other)
      expect(await built()).toMatchObject({ code: 'image-unsupported', kind: 'usage' })
    },
  )

  it('sends a manifest without end, or of 100 MB, for nothing', async () => {
    let sent = Promise.resolve(0)
    answerManifest((response) => {
      response.writeHead(200, { 'content-type': OCI.manifest })
      sent = endless(response)
    })
    expect(await built()).toMatchObject({ code: 'manifest-too-large', kind: 'bundle' })
    expect(await sent).toBeLessThan(64 * MiB)
    answerManifest((response) => response.writeHead(200, { 'content-type': OCI.manifest }).end(Buffer.alloc(100 * MiB)))
    expect(await built()).toMatchObject({ code: 'manifest-too-large', kind: 'bundle' })
  })

  it('sends a blob without end for nothing, and what is kept of it is the size that was named', async () => {
    const image = putImage(registry, ['layer'])
    registry.tag('library/x', '1', image)
    let sent = Promise.resolve(0)
    registry.intercept = (request, response) => {
      if (!request.url?.includes('/blobs/')) return false
      response.writeHead(200)
      sent = endless(response)
      return true
    }
    expect(await built()).toMatchObject({ code: 'digest-mismatch', kind: 'bundle' })
    expect(await sent).toBeLessThan(64 * MiB)
  })

  it('sends a token without end for nothing', async () => {
    let sent = Promise.resolve(0)
    registry.intercept = (request, response) => {
      if (request.url?.startsWith('/token')) {
        response.writeHead(200, { 'content-type': 'application/json' })
        sent = endless(response)
      } else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token"` }).end()
      return true
    }
    expect(await built()).toMatchObject({ code: 'registry-unauthorised', kind: 'host' })
    expect(await sent).toBeLessThan(64 * MiB)
  })

  it.each([
    ['a token with a line break', JSON.stringify({ token: 'a\r\nX-Other: b' })],
    ['a token that is none', JSON.stringify({ token: { toString: null } })],
    ['no JSON', '<html>'],
  ])('is told as one that lets nobody in when it gives %s', async (_what, text) => {
    registry.intercept = (request, response) => {
      if (request.url?.startsWith('/token')) response.end(text)
      else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token"` }).end()
      return true
    }
    expect(await built()).toMatchObject({ code: 'registry-unauthorised', kind: 'host' })
  })

  it.each(['file:///etc/passwd', 'ftp://127.0.0.1/x', 'data:,{}', 'http://', 'http://[', '//', 'javascript:1'])(
    'is asked once when it leads to %s',
    async (location) => {
      answerManifest((response) => response.writeHead(307, { location }).end())
      expect(await built()).toMatchObject({ code: 'http-redirect-invalid', kind: 'host' })
      expect(registry.requests).toHaveLength(1)
    },
  )

  it('is given up when it leads in a circle', async () => {
    answerManifest((response, request) => response.writeHead(307, { location: String(request.url) }).end())
    expect(await built()).toMatchObject({ code: 'http-redirects', kind: 'host' })
    expect(registry.requests.length).toBeLessThan(10)
  })

  it.each(['Basic realm="x"', 'Bearer realm="HERE/token"'])(
    'does not get its credentials told to where it leads, whatever is asked there (%s)',
    async (challenge) => {
      const image = putImage(registry, ['layer'])
      registry.tag('library/x', '1', image)
      registry.intercept = (request, response) => {
        if (request.headers.authorization === undefined) {
          response.writeHead(401, { 'www-authenticate': 'Basic realm="registry"' }).end()
        } else if (request.url?.includes('/blobs/')) {
          response.writeHead(307, { location: `http://${elsewhere.host}${request.url}` }).end()
        } else return false
        return true
      }
      elsewhere.intercept = (request, response) => {
        seenElsewhere.push(request.headers)
        const here = challenge.replace('HERE', `http://${elsewhere.host}`)
        response.writeHead(401, { 'www-authenticate': here }).end()
        return true
      }
      expect(await built()).toMatchObject({ code: 'registry-unauthorised', kind: 'host' })
      expect(seenElsewhere.length).toBeGreaterThan(0)
      expect(seenElsewhere.map(({ authorization }) => authorization)).toEqual(seenElsewhere.map(() => undefined))
    },
  )

  it('that sends a byte now and then is left at once when the build is interrupted', async () => {
    answerManifest((response) => {
      response.writeHead(200, { 'content-type': OCI.manifest })
      const drip = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(drip))
    })
    const stop = new AbortController()
    setTimeout(() => stop.abort(new Error('enough')), 300)
    expect(await built(temporaryFolder(), stop.signal)).toMatchObject({ message: expect.stringContaining('enough') })
  })

  it('that sends headers without end is given up', async () => {
    answerManifest((response) => response.writeHead(200, { 'x-much': 'y'.repeat(200_000) }).end())
    expect(await built()).toMatchObject({ code: 'http-unreachable', kind: 'host' })
  })

  it('whose image has no configuration, or one that is none or larger than any, is refused', async () => {
    const layers = [registry.put(OCI.layer, Buffer.from('x'))]
    const manifest = (config: object) =>
      registry.tag(
        'library/x',
        '1',
        registry.put(OCI.manifest, { schemaVersion: 2, mediaType: OCI.manifest, config, layers }),
      )
    manifest(registry.put(OCI.config, Buffer.from('no JSON')))
    expect(await built()).toMatchObject({ code: 'image-unsupported', kind: 'usage' })
    manifest({ ...registry.put(OCI.config, Buffer.from('{}')), size: 2 ** 50 })
    expect(await built()).toMatchObject({ code: 'image-unsupported', kind: 'usage' })
  })

  it(
    'never makes mojabox fail as if by a fault of its own',
    async () => {
      const image = putImage(registry, ['layer'])
      const manifest = JSON.parse(String(registry.blobs.get(image.digest)))
      const platform = { architecture: 'amd64', os: 'linux' }
      const folder = temporaryFolder()
      await holds(
        spoilt({ index: { schemaVersion: 2, mediaType: OCI.index, manifests: [{ platform }] }, manifest }),
        80,
        async (made) => {
          const { index, manifest } = Object(made)
          const inner = registry.put(OCI.manifest, Buffer.from(JSON.stringify(manifest) ?? ''))
          const filled = {
            ...Object(index),
            manifests: index?.manifests?.[0] ? [{ ...inner, ...index.manifests[0] }] : index?.manifests,
          }
          registry.tag('library/x', '1', index === undefined ? inner : registry.put(OCI.index, filled))
          const failure = await buildIn(folder, {
            spec: SPEC,
            origins: { mirrors: { 'docker.io': registry.host } },
          }).then(() => undefined, factsOf)
          expect(failure?.kind, failure?.message).not.toBe('bug')
        },
      )
      expect(readdirSync(folder).filter((name) => name.includes('partial'))).toEqual([])
    },
    FUZZ_LIMIT_MS,
  )
})
