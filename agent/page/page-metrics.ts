import { type Metric, writeMetrics } from './metrics.ts'
import type { PageStatus } from './page-status.ts'
import type { ReportEntry } from './reports.ts'

/** What `/metrics` answers: the moment's status, and the last validation of each level. Pure. */
export function pageMetrics(status: PageStatus, reports: readonly ReportEntry[]): string {
  return writeMetrics([...hubMetrics(status), ...validationMetrics(status, reports), ...useMetrics(status)])
}

function hubMetrics(status: PageStatus): Metric[] {
  const { site, host, deployment, profile, mojabox, bundle, bundleVersion } = status
  const about = { site, host, deployment, profile, version: mojabox, bundle, bundle_version: bundleVersion }
  return [
    {
      name: 'mojabox_build_info',
      help: 'What is installed here; always 1.',
      samples: [{ labels: about, value: 1 }],
    },
    {
      name: 'mojabox_hub_up',
      help: 'Whether every service of the hub is as it should be.',
      samples: [{ value: Number(status.hub === 'up') }],
    },
    {
      name: 'mojabox_service_healthy',
      help: 'Whether a service runs and is not known to be ill, or a job ended well.',
      samples: status.services.map(({ service, well }) => ({ labels: { service }, value: Number(well) })),
    },
  ]
}

function validationMetrics({ validation, nextValidationAt }: PageStatus, reports: readonly ReportEntry[]): Metric[] {
  const levels = new Map<string, boolean>()
  for (const { level, passed } of reports.flatMap((report) => report.levels)) {
    if (!levels.has(level)) levels.set(level, passed)
  }
  return [
    {
      name: 'mojabox_validation_passed',
      help: 'Whether the last validation of a level passed.',
      samples: [...levels].map(([level, passed]) => ({ labels: { level }, value: Number(passed) })),
    },
    {
      name: 'mojabox_validation_seconds',
      help: 'How long the last validation took.',
      samples: [{ value: validation?.seconds ?? null }],
    },
    {
      name: 'mojabox_validation_timestamp_seconds',
      help: 'When the last validation began, in seconds since 1970.',
      samples: [{ value: secondsOf(validation?.at) }],
    },
    {
      name: 'mojabox_validation_next_timestamp_seconds',
      help: 'When the next validation is due, in seconds since 1970.',
      samples: [{ value: secondsOf(nextValidationAt) }],
    },
  ]
}

function useMetrics({ agent, memory, load, disks, services }: PageStatus): Metric[] {
  const labelled = (value: (use: NonNullable<PageStatus['services'][number]['use']>) => number | null) =>
    services.map(({ service, use }) => ({ labels: { service }, value: use && value(use) }))
  return [
    gauge('mojabox_agent_resident_bytes', 'Memory of the agent itself.', agent.residentBytes),
    gauge('mojabox_agent_start_timestamp_seconds', 'When the agent started.', secondsOf(agent.startedAt)),
    gauge('mojabox_host_memory_bytes', 'Memory of the host.', memory?.totalBytes ?? null),
    gauge(
      'mojabox_host_memory_available_bytes',
      'Memory that programs can still have.',
      memory?.availableBytes ?? null,
    ),
    gauge('mojabox_host_load1', 'Load of the host over one minute.', load),
    {
      name: 'mojabox_disk_size_bytes',
      help: 'Size of the file system that holds a path.',
      samples: disks.map(({ path, totalBytes }) => ({ labels: { path }, value: totalBytes })),
    },
    {
      name: 'mojabox_disk_free_bytes',
      help: 'What is free there for everybody.',
      samples: disks.map(({ path, freeBytes }) => ({ labels: { path }, value: freeBytes })),
    },
    {
      name: 'mojabox_service_memory_bytes',
      help: 'Memory of a service, without what the kernel would give back at once.',
      samples: labelled(({ memoryBytes }) => memoryBytes),
    },
    {
      name: 'mojabox_service_cpu_seconds_total',
      help: 'CPU time of a service since its container started.',
      type: 'counter',
      samples: labelled(({ cpuSeconds }) => cpuSeconds),
    },
  ]
}

function gauge(name: string, help: string, value: number | null): Metric {
  return { name, help, samples: [{ value }] }
}

function secondsOf(at: string | null | undefined): number | null {
  return at ? Date.parse(at) / 1000 : null
}
