import { describe, expect, it } from 'vitest'
import type { DockerFacts } from '../../../../agent/contract/facts.ts'
import { docker } from '../../../../agent/preflight/checks/docker.ts'
import { healthyHost, ordinaryNeeds } from '../healthy-host.ts'

function run(change: Partial<DockerFacts> | null, key = 'debian-13', installing = false) {
  const facts = healthyHost()
  const [id = '', versionId = ''] = key.split('-')
  facts.os = { id, versionId, key, prettyName: key, idLike: [] }
  facts.docker = change === null || facts.docker === null ? null : { ...facts.docker, ...change }
  const needs = ordinaryNeeds()
  needs.docker.installing = installing
  return docker.run(facts, needs)
}

describe('docker', () => {
  it('passes without Docker: the bundle brings it', () => {
    expect(run(null)).toMatchObject({ status: 'pass', found: 'none: it will be installed from the bundle' })
  })

  it('reuses a Docker that is good enough and says that other containers stay', () => {
    const { status, found } = run({})
    expect(status).toBe('pass')
    expect(found).toBe(
      'Docker 26.1.5+dfsg1 (overlay2, classic image store) with Compose 2.26.1, reused; its 2 other containers stay untouched',
    )
  })

  it('takes the oldest version it accepts', () => {
    expect(run({ serverVersion: '20.10.0', composeVersion: '2.0.0' }).status).toBe('pass')
    expect(run({ serverVersion: '20.9.9' }).status).toBe('fail')
  })

  it('fails on an old Docker and does not offer to replace it', () => {
    const finding = run({ serverVersion: '19.03.15' })
    expect(finding).toMatchObject({ status: 'fail', found: 'Docker 19.03.15' })
    expect(finding.fix).toContain('mojabox never replaces it')
  })

  it.each([
    ['debian-12', 'docker-compose-plugin'],
    ['debian-13', 'docker-compose,'],
    ['ubuntu-24.04', 'docker-compose-v2'],
  ])('names the package that has Compose on %s', (key, name) => {
    const finding = run({ composeVersion: null }, key)
    expect(finding).toMatchObject({ status: 'fail', found: 'Docker 26.1.5+dfsg1 without Compose' })
    expect(finding.fix).toContain(name)
  })

  it('fails on an old Compose', () => {
    expect(run({ composeVersion: '1.29.2' })).toMatchObject({
      status: 'fail',
      found: 'Docker 26.1.5+dfsg1 with Compose 1.29.2',
    })
  })

  it('fails when Docker does not run and says how to start it', () => {
    expect(run({ running: false }).fix).toContain('sudo systemctl enable --now docker')
  })

  it('warns when it may not ask Docker', () => {
    expect(run({ running: null })).toMatchObject({ status: 'warn', fix: expect.stringContaining('sudo') })
  })

  it('goes on with its own installation that was interrupted', () => {
    expect(run({ running: false, composeVersion: null }, 'debian-13', true).status).toBe('pass')
    expect(run({ installed: false, running: false }, 'debian-13', true).status).toBe('pass')
    expect(run({ composeVersion: null }, 'debian-13', true).status).toBe('pass')
  })

  it.each([
    ['vfs', 'warn'],
    ['devicemapper', 'warn'],
    ['overlay2', 'pass'],
    ['overlayfs', 'pass'],
    ['btrfs', 'pass'],
    ['zfs', 'pass'],
  ])('storage driver %s: %s', (storageDriver, status) => {
    expect(run({ storageDriver }).status).toBe(status)
  })

  it('refuses a snap, which cannot read our folder, and podman in disguise', () => {
    expect(run({ rootDir: '/var/snap/docker/common/var-lib-docker' }).status).toBe('fail')
    expect(run({ installed: false, running: false, podman: true })).toMatchObject({ status: 'fail' })
  })

  it('warns about a client without a daemon', () => {
    expect(run({ installed: false, running: false }).status).toBe('warn')
  })
})
