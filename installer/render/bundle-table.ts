import { bytesText } from '../../bundles/format/bytes-text.ts'
import type { InspectedBundle } from '../../bundles/format/inspect.ts'
import { columns } from './columns.ts'

/** What a bundle carries, for a person. */
export function bundleTable(bundle: InspectedBundle): string {
  const isDelta = bundle.base !== undefined
  const rows = bundle.artifacts.map(
    ({ kind, name, platform, bytes, sharedBytes, unpackedBytes, leftOutBytes, digest }) => [
      kind,
      name,
      platform,
      bytesText(bytes),
      ...(isDelta ? [leftOutBytes === 0 ? '' : bytesText(leftOutBytes)] : []),
      sharedBytes === 0 ? '' : bytesText(sharedBytes),
      bytesText(unpackedBytes),
      digest.slice(0, 'sha256:'.length + 12),
    ],
  )
  const lines = [
    `bundle    ${bundle.path}`,
    `digest    ${bundle.digest}`,
    `carries   ${bundle.deployment} ${bundle.version}, profiles ${bundle.profiles.join(', ') || 'none'}`,
    `size      ${bytesText(bundle.bytes)} in ${bundle.blobs} blobs`,
    ...(isDelta
      ? [
          `delta of  ${bundle.base}`,
          `left out  ${bytesText(bundle.leftOut.bytes)} in ${bundle.leftOut.blobs} blobs, which that one has${patchedText(bundle)}`,
        ]
      : []),
    '',
    columns(
      ['kind', 'name', 'platform', 'size', ...(isDelta ? ['left out'] : []), 'shared', 'unpacked', 'digest'],
      rows,
    ),
  ]
  if (bundle.shared.length > 0) {
    const shared = bundle.shared.map(({ digest, bytes, artifacts }) => [
      digest.slice(0, 19),
      bytesText(bytes),
      artifacts.join(', '),
    ])
    lines.push('', 'layers that several artifacts share, carried once:', columns(['digest', 'size', 'used by'], shared))
  }
  return `${lines.join('\n')}\n`
}

/** In whose stead there are patches. */
export function patchedText({ patched }: Pick<InspectedBundle, 'patched'>): string {
  if (patched.blobs === 0) return ''
  return `; but for ${bytesText(patched.bytes)} in ${patched.blobs} ${patched.blobs === 1 ? 'layer: a patch makes it of an older one' : 'layers: patches make them of older ones'}`
}
