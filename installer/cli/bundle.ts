import type { Command } from 'commander'
import { bytesText } from '../../bundles/format/bytes-text.ts'
import { inspectBundle } from '../../bundles/format/inspect.ts'
import { type OpenBundle, openBundle } from '../../bundles/format/open.ts'
import { verifyBundle } from '../../bundles/format/verify.ts'
import { interruption } from '../fleet/interruption.ts'
import { createProgress } from '../render/progress.ts'
import { addBundleBuildCommand } from './bundle-build.ts'
import { bundleTable } from './bundle-table.ts'
import type { Io } from './io.ts'

/** `mojabox bundle build|inspect|verify`. */
export function addBundleCommand(program: Command, io: Io): void {
  const bundle = program
    .command('bundle')
    .description('Build, inspect and verify bundles: one file with everything a hub needs.')
  addBundleBuildCommand(bundle, io)
  bundle
    .command('inspect')
    .description('Show what a bundle carries: artifacts, sizes, digests, shared layers.')
    .argument('<file>', 'the bundle')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES.inspect)
    .action(async (path: string, options: { json?: true }) => {
      const inspected = await withBundle(path, inspectBundle)
      io.stdout(options.json ? `${JSON.stringify(inspected, undefined, 2)}\n` : bundleTable(inspected))
    })
  bundle
    .command('verify')
    .description('Read every byte of a bundle and check it against its digests.')
    .argument('<file>', 'the bundle')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES.verify)
    .action((path: string, options: { json?: true }) => verify(path, options, io))
}

const EXAMPLES = {
  inspect: `
Examples:
  mojabox bundle inspect hub.tar
  mojabox bundle inspect hub.tar --json | jq '.artifacts[].name'
  skopeo inspect oci-archive:hub.tar:docker.io/library/redis:8.0`,
  verify: `
Examples:
  mojabox bundle verify /media/usb/hub.tar

Exit code 0 when every byte is as it was built, 5 when not.`,
}

async function verify(path: string, options: { json?: true }, io: Io): Promise<void> {
  const startedAt = performance.now()
  const progress = createProgress(io, 'verifying')
  const onProgress = (done: number, total: number): void => progress.update(done, total)
  const { signal } = io
  const { digest, blobs, bytes } = await withBundle(path, async (bundle) => ({
    ...(await verifyBundle(bundle, { signal, onProgress })),
    digest: bundle.manifest.digest,
  }))
    .catch((error) => Promise.reject(signal.aborted ? interruption(signal) : error))
    .finally(() => progress.done())
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10
  if (options.json)
    io.stdout(`${JSON.stringify({ path, digest, verified: true, blobs, bytes, seconds }, undefined, 2)}\n`)
  else
    io.stdout(
      `${path}: every byte as it was built: ${bytesText(bytes)}, ${blobs} blobs, in ${seconds} s\ndigest ${digest}\n`,
    )
}

async function withBundle<T>(path: string, task: (bundle: OpenBundle) => Promise<T>): Promise<T> {
  const bundle = await openBundle(path)
  try {
    return await task(bundle)
  } finally {
    await bundle.close()
  }
}
