import { type Bom, type Component, PROPERTIES, propertiesOf } from '../../bundles/format/cyclonedx.ts'
import { platformOf } from '../../bundles/format/read-sbom.ts'
import { columns } from './columns.ts'

/** What each image has of each kind, and what else is carried; for a person. */
export function sbomTable({ components, metadata }: Bom): string {
  const parts = components.filter((part) => part.components !== undefined)
  const rows = parts.map((part) => {
    const count = (kind: string): string => String(packagesOf(part).filter((one) => kindOf(one) === kind).length || '')
    const system = part.components?.find(({ type }) => type === 'operating-system')
    const kind = part.type === 'container' ? 'image' : 'packages'
    return [kind, part.name, platformOf(part), nameOf(system), count('deb'), count('apk'), count('npm')]
  })
  const total = (kind: string): number => {
    const purls = parts.flatMap(packagesOf).flatMap((one) => (kindOf(one) === kind ? [one.purl] : []))
    return new Set(purls).size
  }
  const lines = [
    `SBOM of   ${nameOf(metadata.component)}`,
    `carries   ${components.filter(({ type }) => type === 'container').length} images; each package counted once: ${['deb', 'apk', 'npm'].map((kind) => `${total(kind)} ${kind}`).join(', ')}`,
    '',
    columns(['kind', 'name', 'platform', 'system', 'deb', 'apk', 'npm'], rows),
  ]
  const programs = components.filter(({ type }) => type === 'application')
  if (programs.length > 0) {
    const rows = programs.map((part) => [part.name, part.version ?? '', platformOf(part)])
    lines.push('', columns(['executable', 'version', 'platform'], rows))
  }
  const unread = components.flatMap((part) => propertiesOf(part, PROPERTIES.unread).map((what) => [what, part.name]))
  if (unread.length > 0) lines.push('', 'there, and not listed:', columns(['what', 'image'], unread))
  return `${lines.join('\n')}\n`
}

/** The packages of one image; of each platform that it is carried for. */
export function imageSbomTable(images: Component[]): string {
  return images.map(oneImage).join('\n')
}

function oneImage(image: Component): string {
  const packages = packagesOf(image).map((one) => [kindOf(one), fullName(one), one.version ?? ''])
  const system = image.components?.find(({ type }) => type === 'operating-system')
  const unread = propertiesOf(image, PROPERTIES.unread)
  const lines = [
    `image     ${image.name} ${platformOf(image)}`.trimEnd(),
    `digest    ${image.version}`,
    `system    ${nameOf(system) || 'not told'}`,
    `packages  ${packages.length}`,
    ...(unread.length === 0 ? [] : [`unlisted  ${unread.join(', ')}`]),
    ...(packages.length === 0 ? [] : ['', columns(['kind', 'name', 'version'], packages)]),
  ]
  return `${lines.join('\n')}\n`
}

function packagesOf({ components = [] }: Component): Component[] {
  return components.filter(({ type }) => type === 'library')
}

/** `deb`, `apk` or `npm`, as its package URL has it. */
function kindOf({ purl = '' }: Component): string {
  return /^pkg:(\w+)\//.exec(purl)?.[1] ?? ''
}

function fullName({ group, name }: Component): string {
  return group === undefined ? name : `${group}/${name}`
}

function nameOf(component: Component | undefined): string {
  return component === undefined ? '' : `${component.name} ${component.version ?? ''}`.trimEnd()
}
