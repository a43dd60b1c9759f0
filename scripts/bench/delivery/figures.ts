import { type Figure, figure } from '../measure/figure.ts'
import { bytesMissing } from '../measure/images.ts'
import { DESK_BITS_PER_SECOND } from './five-nodes.ts'
import { LINK100_BITS_PER_SECOND } from './link100.ts'
import { mainSet, type Trial } from './trial.ts'

const WHOLE =
  'from the start of the command to its step `images` done: checking a new bundle, connecting, the executable, the checks'

/**
 * What was measured with one runtime, as figures with its suffix: those with a bar first, then what is behind them.
 * Ratios are of the medians of one run. What was not measured has no figure.
 * @param loads of the machine, one a round
 */
export function deliveryFigures(trial: Trial, loads: readonly string[]): Figure[] {
  const load = `load ${loads.join(', ')}`
  const figures = [
    ...bars(trial, load),
    ...coldFigures(trial),
    ...upgradeFigures(trial),
    ...linkFigures(trial),
    ...useFigures(trial, 'cold'),
    ...useFigures(trial, 'upgrade'),
    ...floorFigures(trial),
  ]
  return figures
    .filter(({ value }) => Number.isFinite(value))
    .map((each) => ({ ...each, id: `delivery.${each.id}${trial.runtime.suffix}` }))
}

function bars(trial: Trial, load: string): Figure[] {
  const { samples, runtime } = trial
  const { missingBytes } = mainSet(trial)
  const { median, of } = bound(trial)
  const cold = median('mojabox.cold.s')
  const savedTar = Math.min(median('savedTar.cold.s'), median('savedZstd.cold.s'))
  return [
    figure('cold', cold / median('plain.cold.s'), 'x by hand', {
      limit: 0.4,
      note: `${WHOLE}; over docker save | ssh docker load; bundle with ${runtime.because}; ${load}`,
    }),
    figure('cold_saved_tar', cold / savedTar, 'x from a saved tar', {
      limit: 0.75,
      note: 'over the quicker of a plain tar and one with zstd, saved before the clock starts',
    }),
    figure('link100', median('mojabox.link100.s') / secondsOfLink(missingBytes.cold), 'x link time', {
      limit: 1.25,
      note: `${WHOLE}; over what the images alone take at 100 Mbit/s`,
    }),
    figure('upgrade', median('mojabox.upgrade.s') / median('plain.upgrade.s'), 'x by hand', {
      limit: 0.1,
      note: WHOLE,
    }),
    figure('upgrade_bytes', median('mojabox.upgrade.bytes') / missingBytes.upgrade, 'x missing bytes', {
      limit: 1.02,
      note: 'all that comes into the node until `images` is done, over the layers and configurations it lacks',
    }),
    figure('noop_s', median('mojabox.noop.s'), 's', {
      limit: 1.5,
      note: `the whole command, validation too; ${texts(of('mojabox.noop.s'))}`,
    }),
    figure('over_final_pct', Math.max(...of('mojabox.cold.over_final_pct')), '% of what `images` adds', {
      limit: 2,
      note: `the worst of ${texts(samples.of('mojabox.cold.over_final_pct'))}`,
    }),
    figure('five_nodes', median('five_nodes.s') / median('one_node.s'), 'x one node', {
      limit: 1.3,
      note: `${WHOLE} on the last node; the desk sends ${DESK_BITS_PER_SECOND / 1e6} Mbit/s in all`,
    }),
  ]
}

function coldFigures(trial: Trial): Figure[] {
  const { median, seconds, over } = bound(trial)
  const { images, missingBytes } = mainSet(trial)
  const other = trial.runtime.compression === 'zstd' ? 'gzip' : 'zstd'
  return [
    seconds('cold_s', 'mojabox.cold.s'),
    seconds('cold_before_s', 'mojabox.cold.before_s', 'until `images` begins'),
    seconds('cold_step_s', 'mojabox.cold.step_s', 'the step `images` alone'),
    seconds('cold_whole_s', 'mojabox.cold.whole_s', 'the command to its end, validation too'),
    seconds('byhand_s', 'plain.cold.s'),
    seconds('byhand_zstd_s', 'zstd.cold.s', 'through zstd -3'),
    seconds('byhand_saved_tar_s', 'savedTar.cold.s'),
    seconds('byhand_saved_zstd_s', 'savedZstd.cold.s'),
    figure('cold_byhand_zstd', median('mojabox.cold.s') / median('zstd.cold.s'), 'x by hand through zstd'),
    figure('cold_step', median('mojabox.cold.step_s') / median('plain.cold.s'), 'x by hand', {
      note: 'the step alone',
    }),
    figure('cold_mb', median('mojabox.cold.bytes') / 1e6, 'MB', { note: WHOLE }),
    figure('cold_step_bytes', median('mojabox.cold.step_bytes') / bytesMissing(images[1].layers), 'x missing layers'),
    figure('cold_missing_mb', missingBytes.cold / 1e6, 'MB'),
    seconds(`cold_s.${other}`, 'other.cold.s', `the same from a bundle with ${other}`),
    seconds(`cold_step_s.${other}`, 'other.cold.step_s'),
    figure(`cold.${other}`, median('other.cold.s') / median('plain.cold.s'), 'x by hand'),
    over(`over_final_pct.${other}`, 'other.cold.over_final_pct'),
    over('byhand_over_final_pct', 'plain.cold.over_final_pct'),
  ]
}

function upgradeFigures(trial: Trial): Figure[] {
  const { median, seconds } = bound(trial)
  return [
    seconds('upgrade_s', 'mojabox.upgrade.s'),
    seconds('upgrade_before_s', 'mojabox.upgrade.before_s', 'until `images` begins'),
    seconds('upgrade_step_s', 'mojabox.upgrade.step_s', 'the step `images` alone'),
    seconds('upgrade_whole_s', 'mojabox.upgrade.whole_s', 'the command to its end, validation too'),
    seconds('byhand_upgrade_s', 'plain.upgrade.s'),
    figure('upgrade_mb', median('mojabox.upgrade.bytes') / 1e6, 'MB'),
    figure('upgrade_delta', median('mojabox.delta.s') / median('plain.upgrade.s'), 'x by hand', {
      note: 'with a delta of the second bundle over the first',
    }),
    seconds('upgrade_delta_s', 'mojabox.delta.s'),
    figure('upgrade_delta_mb', median('mojabox.delta.bytes') / 1e6, 'MB'),
    figure('upgrade_missing_mb', mainSet(trial).missingBytes.upgrade / 1e6, 'MB'),
  ]
}

function linkFigures(trial: Trial): Figure[] {
  const { median, seconds } = bound(trial)
  const { missingBytes } = mainSet(trial)
  const step = median('mojabox.link100.step_s') / secondsOfLink(missingBytes.cold)
  const all = median('mojabox.link100.s') / secondsOfLink(median('mojabox.link100.bytes'))
  return [
    seconds('link100_s', 'mojabox.link100.s'),
    seconds('link100_before_s', 'mojabox.link100.before_s', 'until `images` begins'),
    figure('link100_step', step, 'x link time', { note: 'the step `images` alone' }),
    figure('link100_all', all, 'x link time', { note: 'over all that came in, the executable and headers too' }),
    seconds('link100_noop_s', 'mojabox.link100_noop.s'),
    seconds('link100_upgrade_s', 'mojabox.link100_upgrade.s'),
    seconds('link100_byhand_zstd_s', 'zstd.link100.s', 'docker save through zstd -3'),
    seconds('one_node_s', 'one_node.s'),
    seconds('five_nodes_s', 'five_nodes.s'),
    figure('one_node_sent_mb', median('one_node.sent') / 1e6, 'MB', { note: 'from the desk' }),
    figure('five_nodes_sent_mb', median('five_nodes.sent') / 1e6, 'MB', { note: 'from the desk' }),
    seconds('five_nodes_noop_s', 'five_nodes_noop.s'),
    seconds('five_nodes_upgrade_s', 'five_nodes_upgrade.s'),
    figure('five_nodes_upgrade_sent_mb', median('five_nodes_upgrade.sent') / 1e6, 'MB', { note: 'from the desk' }),
  ]
}

/** CPU and memory on both sides. */
function useFigures(trial: Trial, scenario: 'cold' | 'upgrade'): Figure[] {
  const { median, seconds } = bound(trial)
  const megabytes = (id: string, name: string, note: string) => figure(id, median(name) / 1e6, 'MB', { note })
  const memory = 'the most that its processes held'
  return [
    seconds(`${scenario}_desk_cpu_s`, `mojabox.${scenario}.desk_cpu_s`, 'of the command'),
    seconds(`${scenario}_node_cpu_s`, `mojabox.${scenario}.node_cpu_s`, 'of all on the node, Docker too'),
    megabytes(`${scenario}_desk_memory_mb`, `mojabox.${scenario}.desk_memory`, 'the most that the command held'),
    megabytes(`${scenario}_node_memory_mb`, `mojabox.${scenario}.node_memory`, memory),
    seconds(`byhand_${scenario}_desk_cpu_s`, `plain.${scenario}.desk_cpu_s`, 'docker save, the desk’s daemon and ssh'),
    seconds(`byhand_${scenario}_node_cpu_s`, `plain.${scenario}.node_cpu_s`),
    megabytes(`byhand_${scenario}_node_memory_mb`, `plain.${scenario}.node_memory`, memory),
  ]
}

function floorFigures(trial: Trial): Figure[] {
  const { seconds } = bound(trial)
  const { missingBytes } = mainSet(trial)
  const link = trial.parts.has('floors') ? secondsOfLink(missingBytes.cold) : Number.NaN
  return [
    seconds('floor_connect_s', 'floor.connect.s', 'ssh NODE true'),
    seconds('floor_unpack_gzip_s', 'floor.gzip_1.s', 'gunzip and tar of each layer in turn, on the node, to disk'),
    seconds('floor_unpack_gzip_two_s', 'floor.gzip_2.s', 'two at a time'),
    seconds('floor_unpack_zstd_s', 'floor.zstd_1.s', 'the same with zstd'),
    seconds('floor_unpack_zstd_two_s', 'floor.zstd_2.s', 'two at a time'),
    figure('floor_link100_s', link, 's', { note: 'what is missing at 100 Mbit/s' }),
  ]
}

function bound({ samples }: Trial) {
  const median = (name: string) => samples.median(name)
  const withRuns = (unit: string) => (id: string, name: string, what?: string) => {
    const runs = texts(samples.of(name))
    return figure(id, samples.median(name), unit, { note: what === undefined ? runs : `${what}; ${runs}` })
  }
  const of = (name: string) => samples.of(name)
  return { median, of, seconds: withRuns('s'), over: withRuns('% of what it adds') }
}

function secondsOfLink(bytes: number): number {
  return (bytes * 8) / LINK100_BITS_PER_SECOND
}

function texts(values: readonly number[]): string {
  return values.map((value) => value.toFixed(2)).join(', ')
}
