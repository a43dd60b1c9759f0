import Table from 'cli-table3'
import { bytesText } from '../../bundles/format/bytes-text.ts'
import type { InspectedBundle } from '../../bundles/format/inspect.ts'

/** What a bundle carries, for a person. */
export function bundleTable(bundle: InspectedBundle): string {
  const rows = bundle.artifacts.map(({ kind, name, platform, bytes, sharedBytes, unpackedBytes, digest }) => [
    kind,
    name,
    platform,
    bytesText(bytes),
    sharedBytes === 0 ? '' : bytesText(sharedBytes),
    bytesText(unpackedBytes),
    digest.slice(0, 'sha256:'.length + 12),
  ])
  const lines = [
    `bundle    ${bundle.path}`,
    `digest    ${bundle.digest}`,
    `carries   ${bundle.deployment} ${bundle.version}, profiles ${bundle.profiles.join(', ') || 'none'}`,
    `size      ${bytesText(bundle.bytes)} in ${bundle.blobs} blobs`,
    '',
    table(['kind', 'name', 'platform', 'size', 'shared', 'unpacked', 'digest'], rows),
  ]
  if (bundle.shared.length > 0) {
    const shared = bundle.shared.map(({ digest, bytes, artifacts }) => [
      digest.slice(0, 19),
      bytesText(bytes),
      artifacts.join(', '),
    ])
    lines.push('', 'layers that several artifacts share, carried once:', table(['digest', 'size', 'used by'], shared))
  }
  return `${lines.join('\n')}\n`
}

function table(head: string[], rows: string[][]): string {
  const none = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  }
  const made = new Table({
    head,
    chars: none,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  })
  made.push(...rows)
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
