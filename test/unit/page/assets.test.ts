import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readAsset } from '../../../agent/page/assets.ts'

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'agent', 'page', 'assets')
const files = readdirSync(FOLDER).map((name) => ({ name, text: readFileSync(join(FOLDER, name), 'utf8') }))

describe('the page', () => {
  it('can be read file by file', async () => {
    for (const { name, text } of files) expect(await readAsset(name), name).toBe(text)
  })

  it.each(['../assets.ts', '..', '', 'page.html/..', 'page.ts', 'PAGE.HTML', '.hidden.js', 'page.js\0'])(
    'has nothing but its files: %j',
    async (name) => {
      expect(await readAsset(name)).toBeUndefined()
    },
  )

  it('asks nobody but the agent: no address of elsewhere is in it', () => {
    const elsewhere = files.flatMap(({ name, text }) =>
      [...text.matchAll(/(?:https?:)?\/\/[a-z0-9.-]+\.[a-z]{2,}[^\s"']*/gi)].map(([found]) => `${name}: ${found}`),
    )
    expect(elsewhere).toEqual(['icon.svg: http://www.w3.org/2000/svg'])
  })

  it('never makes markup of text, and runs nothing from it', () => {
    const risky =
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|createContextualFragment/
    expect(files.filter(({ text }) => risky.test(text)).map(({ name }) => name)).toEqual([])
    const html = files.find(({ name }) => name === 'page.html')?.text ?? ''
    expect(html).not.toMatch(/ on[a-z]+=|<style|style=|<script(?![^>]* src=)/)
  })

  it('is small, and made of small files', () => {
    expect(files.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThan(64 * 1024)
    for (const { name, text } of files.filter(({ name: one }) => one.endsWith('.js')))
      expect(text.split('\n').length, name).toBeLessThanOrEqual(300)
  })

  it('names only files that are there', () => {
    const named = files.flatMap(({ text }) => [
      ...[...text.matchAll(/(?:src|href)="([a-z-]+\.[a-z]+)"/g)].map(([, name]) => name),
      ...[...text.matchAll(/from '\.\/([^']+)'/g)].map(([, name]) => name),
    ])
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((name) => !files.some((file) => file.name === name))).toEqual([])
  })
})
