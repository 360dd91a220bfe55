import process from 'node:process';
import test from 'ava';
import {D, type DecisionName, decisionNames} from '../include/linux/decisions.ts';
import type {Config} from '../include/linux/machine.ts';
import type {RevisionName} from '../include/linux/revision.ts';
import type {Theme} from './lib/random-events.ts';
import {newReport, runEvents} from './lib/run-events.ts';

/** What happened in all runs together. */
const report = newReport();

/** A kind of machine that each kernel runs on, with as many random events. */
interface Run {
	readonly events: number;
	readonly theme: Theme;
	readonly machine: Partial<Config>;
}

const runs: Readonly<Record<Theme, readonly Run[]>> = {
	// swap space that is soon full, that is never full, few vmas, no swap space
	'base pages': [
		{events: 16_000, theme: 'base pages', machine: {swap: 8, thp: 'never'}},
		{events: 17_000, theme: 'base pages', machine: {swap: 200, thp: 'never'}},
		{events: 16_000, theme: 'base pages', machine: {swap: 24, thp: 'always', max_map_count: 12}},
		{events: 1_000, theme: 'base pages', machine: {swap: 0, thp: 'madvise'}},
	],
	everything: [
		{events: 4_000, theme: 'everything', machine: {swap: 2000, thp: 'always'}},
		{events: 1_000, theme: 'everything', machine: {swap: 20, thp: 'madvise', thp_zero_page: false}},
	],
};

/** Seeds that are always run; USERFAULT_SEED in the environment adds one, a number or `random`. No two runs have the same events. */
const seeds = [8];
let run = 0;
const {USERFAULT_SEED: asked} = process.env;
if (asked !== undefined && asked !== '') seeds.push(asked === 'random' ? Date.now() % 2 ** 31 : Number(asked));

const invariantsHold = test.macro({
	title: (_, theme: Theme, revision: RevisionName, ksm: boolean) => {
		const events = runs[theme].reduce((sum, run) => sum + run.events, 0).toLocaleString('en');
		return `after each of ${events} random events over three tasks the invariants hold, and at the end nothing is left: ${theme}, ${revision}, KSM ${ksm ? '' : 'not '}built in`;
	},
	exec(t, theme: Theme, revision: RevisionName, ksm: boolean) {
		for (const seed of seeds) {
			for (const {events, machine} of runs[theme]) {
				const before = report.events;
				t.notThrows(() => runEvents({seed: seed * 100 + run++, events, theme, config: {revision, ksm, ...machine}}, report));
				t.is(report.events - before, events);
			}
		}
	},
});
for (const theme of ['base pages', 'everything'] as const) {
	for (const revision of ['2013-05', '2014-10'] as const) {
		test.serial(invariantsHold, theme, revision, true);
		test.serial(invariantsHold, theme, revision, false);
	}
}

/** What the events must come to again and again, or they would show little. */
const met: readonly DecisionName[] = [
	'rap_page_moved', 'rap_swap_moved', 'rap_dst_mapped', 'rap_src_hole', 'rap_src_hole_allowed', 'rap_src_mapped_twice', 'rap_swap_shared',
	'rap_src_not_anon', 'rap_short', 'rap_prot_differs', 'rap_mlock_differs', 'userfault_read', 'userfault_write', 'swapped_page_copied',
	'fault_guard_page', 'fault_nomem', 'gup_fault_sigbus', 'mlock_hole', 'mlock_not_populated', 'madvise_hole', 'mprotect_hole',
	'mmap_too_many_vmas', 'split_too_many_vmas', 'mremap_too_many_vmas', 'mremap_cannot_grow', 'fork_nomem', 'alloc_failed', 'rap_huge_split',
	'rap_dst_huge',
];

test.serial('the random events come to every error of remap_anon_pages that tasks in turn can see, to all findings, and to the points where tasks could meet', t => {
	for (const name of met) t.true(report.taken[D[name]]! >= 10, `${name}: ${report.taken[D[name]]}`);
	for (const finding of ['scattered', 'lost', 'shared', 'orphan'] as const) t.true(report.findings[finding] >= 10, `${finding}: ${report.findings[finding]}`);
	t.true(report.points.size >= 17, [...report.points.keys()].join(', '));
	t.true(report.taken.filter(times => times > 0).length >= decisionNames.length * 0.7);
});
