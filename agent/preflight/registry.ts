import type { Check } from './check.ts'
import { addressRanges } from './checks/address-ranges.ts'
import { architecture } from './checks/architecture.ts'
import { bridgeFirewall } from './checks/bridge-firewall.ts'
import { cgroups } from './checks/cgroups.ts'
import { clock } from './checks/clock.ts'
import { cores } from './checks/cores.ts'
import { disk } from './checks/disk.ts'
import { docker } from './checks/docker.ts'
import { filesystem } from './checks/filesystem.ts'
import { hostname } from './checks/hostname.ts'
import { kernel } from './checks/kernel.ts'
import { memory } from './checks/memory.ts'
import { os } from './checks/os.ts'
import { ports } from './checks/ports.ts'
import { proxy } from './checks/proxy.ts'
import { root } from './checks/root.ts'
import { selinux } from './checks/selinux.ts'
import { swap } from './checks/swap.ts'
import { systemd } from './checks/systemd.ts'

/** Every check, in the order people read them. */
export const CHECKS: readonly Check[] = [
  architecture,
  cores,
  memory,
  disk,
  filesystem,
  kernel,
  cgroups,
  ports,
  os,
  systemd,
  root,
  clock,
  hostname,
  docker,
  bridgeFirewall,
  addressRanges,
  swap,
  selinux,
  proxy,
]
