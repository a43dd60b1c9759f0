import pins from './node-pins.json' with { type: 'json' }

export type Target = 'linux-x64' | 'linux-arm64'

/** What the build knows about one kind of machine: the pinned Node and the tools that can work on it. */
export interface TargetFacts {
  target: Target
  arch: 'x64' | 'arm64'
  nodePackage: string
  nodeIntegrity: string
  /** Tools that can strip its executables, best first. */
  strips: string[]
  /** Emulators that can run its executables on a machine of another kind. */
  emulators: string[]
  /** Where a distribution puts its C library for emulators. */
  librariesPath: string
}

export const NODE_VERSION: string = pins.version

export const TARGETS: Record<Target, TargetFacts> = {
  'linux-x64': factsFor('linux-x64', 'x64', 'x86_64'),
  'linux-arm64': factsFor('linux-arm64', 'arm64', 'aarch64'),
}

export function isTarget(name: string): name is Target {
  return Object.hasOwn(TARGETS, name)
}

function factsFor(target: Target, arch: 'x64' | 'arm64', machine: string): TargetFacts {
  const native = process.arch === arch && process.platform === 'linux'
  return {
    target,
    arch,
    nodePackage: pins.targets[target].package,
    nodeIntegrity: pins.targets[target].integrity,
    strips: [`${machine}-linux-gnu-strip`, ...(native ? ['strip'] : []), 'llvm-strip'],
    emulators: [`qemu-${machine}`, `qemu-${machine}-static`],
    librariesPath: `/usr/${machine}-linux-gnu`,
  }
}
