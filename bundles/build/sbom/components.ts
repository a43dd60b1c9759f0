import type { Component } from '../../format/cyclonedx.ts'
import { PROPERTIES } from '../../format/cyclonedx.ts'
import { hexOf } from '../../format/digest.ts'
import type { Digest, Platform } from '../../format/manifest.ts'
import { platformText } from '../../format/read-artifact.ts'
import type { LockedExecutable, LockedPackages } from '../lock.ts'
import { parseReference } from '../oci/reference.ts'
import type { ImageContent } from './image-content.ts'
import { debPackage, type FoundPackage } from './package-files.ts'
import { purlText } from './purl.ts'

type System = NonNullable<ImageContent['system']>

/** An image of one platform, named by its manifest's digest, with all that was found in it. */
export function imageComponent(
  { name, digest, platform }: { name: string; digest: Digest; platform: Platform | undefined },
  { system, packages, unread }: ImageContent,
): Component {
  const reference = parseReference(name)
  const repository = reference && `${reference.registry}/${reference.repository}`
  const purl = purlText({
    type: 'oci',
    name: (repository ?? name).split('/').at(-1) ?? name,
    version: digest,
    qualifiers: { arch: platform?.architecture, repository_url: repository, tag: reference?.tag },
  })
  return {
    type: 'container',
    'bom-ref': purl,
    name,
    version: digest,
    hashes: sha256(digest),
    purl,
    properties: [
      ...(platform === undefined ? [] : [{ name: PROPERTIES.platform, value: platformText(platform) }]),
      ...unread.map((value) => ({ name: PROPERTIES.unread, value })),
    ],
    components: [
      ...(system === undefined ? [] : [systemComponent(system)]),
      ...packages.map((entry) => packageComponent(entry, system)),
    ],
  }
}

function systemComponent({ id, version }: System): Component {
  return { type: 'operating-system', name: id, ...(version === undefined ? {} : { version }) }
}

function packageComponent({ type, name, version, architecture, source }: FoundPackage, system?: System): Component {
  if (type === 'npm') {
    const [, group, rest = name] = /^(@[^/]+)\/(.+)$/.exec(name) ?? []
    const purl = purlText({ type, namespace: group, name: rest, version })
    return { type: 'library', ...(group === undefined ? {} : { group }), name: rest, version, purl }
  }
  const { id = type === 'apk' ? 'alpine' : 'debian', version: release } = system ?? {}
  const qualifiers = {
    arch: architecture,
    distro: system && (release === undefined ? id : `${id}-${release}`),
    upstream: source === name ? undefined : source,
  }
  return { type: 'library', name, version, purl: purlText({ type, namespace: id, name, version, qualifiers }) }
}

/** The packages that are carried for a distribution, each a file. */
export function packagesComponent({ distribution, architecture, packages }: LockedPackages): Component {
  const [id = distribution, version] = distribution.split('-')
  const files = packages.flatMap(({ control, digest }) =>
    debPackage(control).map((entry) => ({
      ...packageComponent(entry, { id, version }),
      hashes: sha256(digest),
    })),
  )
  return {
    type: 'file',
    name: distribution,
    properties: [{ name: PROPERTIES.platform, value: platformText({ os: 'linux', architecture }) }],
    components: files,
  }
}

export function executableComponent({ platform, digest }: LockedExecutable, version: string): Component {
  return {
    type: 'application',
    name: 'mojabox',
    version,
    hashes: sha256(digest),
    properties: [{ name: PROPERTIES.platform, value: platformText(platform) }],
  }
}

function sha256(digest: Digest): NonNullable<Component['hashes']> {
  return [{ alg: 'SHA-256', content: hexOf(digest) }]
}
