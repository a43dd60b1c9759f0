import { bytesText } from '../../bundles/format/bytes-text.ts'
import type { BundleDiff, DiffedArtifact, DiffedBlob, DiffedBundle } from '../../bundles/format/diff.ts'
import { columns } from './columns.ts'

/** Blobs that are listed; the rest is counted, and `--json` has them all. */
const LISTED_BLOBS = 20

/** What two bundles have that the other lacks, for a person. */
export function diffTable(diff: BundleDiff): string {
  const { a, b, artifacts, added, removed } = diff
  const lines = [
    `A         ${bundleText(a)}`,
    `B         ${bundleText(b)}`,
    `only in B ${countText(added, diff.addedBytes)}`,
    `only in A ${countText(removed, diff.removedBytes)}`,
    `in both   ${diff.sameBlobs} blobs, ${bytesText(diff.sameBytes)}; ${diff.sameArtifacts} artifacts are the same`,
  ]
  if (artifacts.length > 0) {
    const head = ['', 'kind', 'name', 'platform', 'only in B', 'only in A']
    lines.push('', 'artifacts (+ only in B, - only in A, * other content):', columns(head, artifacts.map(artifactRow)))
  }
  for (const [name, blobs] of [
    ['B', added],
    ['A', removed],
  ] as const) {
    if (blobs.length === 0) continue
    const rows = blobs.slice(0, LISTED_BLOBS).map(blobRow)
    lines.push('', `blobs only in ${name}:`, columns(['digest', 'size', 'what', 'used by'], rows))
    if (blobs.length > LISTED_BLOBS) lines.push(`and ${blobs.length - LISTED_BLOBS} smaller ones (--json has them)`)
  }
  return `${lines.join('\n')}\n`
}

function bundleText({ path, deployment, version, digest }: DiffedBundle): string {
  return `${path}: ${deployment} ${version}, ${shortened(digest)}`
}

function countText(blobs: DiffedBlob[], bytes: number): string {
  return `${blobs.length} blobs, ${bytesText(bytes)}`
}

function artifactRow({ kind, name, platform, from, to, addedBytes, removedBytes }: DiffedArtifact): string[] {
  const sign = from === undefined ? '+' : to === undefined ? '-' : '*'
  return [sign, kind, name, platform, to ? bytesText(addedBytes) : '', from ? bytesText(removedBytes) : '']
}

function blobRow({ digest, bytes, role, artifacts }: DiffedBlob): string[] {
  return [shortened(digest), bytesText(bytes), role, artifacts.join(', ')]
}

function shortened(digest: string): string {
  return digest.slice(0, 'sha256:'.length + 12)
}
