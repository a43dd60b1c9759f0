import { describe, expect, it } from 'vitest'
import { imageStoreOf, parseDaemonVersion, publishedPorts } from '../../../agent/facts/docker.ts'

describe('publishedPorts', () => {
  it('lists each TCP port that is published, with container and project', () => {
    const list = [
      {
        Names: ['/mojabox-mysql-1'],
        State: 'running',
        Labels: { 'com.docker.compose.project': 'mojabox' },
        Ports: [
          { IP: '127.0.0.1', PublicPort: 3306, Type: 'tcp' },
          { Type: 'tcp' },
          { IP: '0.0.0.0', PublicPort: 53, Type: 'udp' },
        ],
      },
      { Names: ['/web'], State: 'running', Labels: null, Ports: [{ IP: '::', PublicPort: 80, Type: 'tcp' }] },
      { Names: ['/quiet'], State: 'exited', Ports: null },
    ]
    expect(publishedPorts(list)).toEqual([
      { address: '127.0.0.1', port: 3306, container: 'mojabox-mysql-1', project: 'mojabox' },
      { address: '::', port: 80, container: 'web', project: null },
    ])
  })
})

describe('imageStoreOf', () => {
  it('tells the classic store from containerd', () => {
    expect(
      imageStoreOf([
        ['Backing Filesystem', 'extfs'],
        ['Supports d_type', 'true'],
      ]),
    ).toBe('classic')
    expect(imageStoreOf([['driver-type', 'io.containerd.snapshotter.v1']])).toBe('containerd')
  })
})

describe('parseDaemonVersion', () => {
  it.each([
    ['Docker version 26.1.5+dfsg1, build a72d7cd\n', '26.1.5+dfsg1'],
    ['Docker version 29.0.1, build eedd969', '29.0.1'],
    ['command not found', null],
  ])('%j: %s', (text, expected) => {
    expect(parseDaemonVersion(text)).toBe(expected)
  })
})
