import {archs} from '../../arch/arch.ts';
import {type ArchitectureName, architectureNames} from '../../include/linux/abi.ts';
import {type Config, DEFAULT_CONFIG} from '../../include/linux/machine.ts';
import {isRevisionName, type RevisionName, revisions} from '../../include/linux/revision.ts';
import {FIELD, fieldInteger, type TraceReader} from './scan.ts';

/** Revisions that the format knows and this model does not have yet. */
const laterRevisions = ['uffdio-move'];

/** Largest swap space: the slots of 64 GiB. */
const MOST_SLOTS = 2 ** 24;

const words = {lo: 0, hi: 0};

/** The value of a configuration row as a number in a range. */
function number(row: TraceReader, least: number, most: number): number {
	if (!fieldInteger(row, FIELD.a1, words) || words.hi !== 0 || (words.lo >>> 0) < least || (words.lo >>> 0) > most) {
		return row.fail(FIELD.a1, `a number from ${least} to ${most}`);
	}
	return words.lo >>> 0;
}

function flag(row: TraceReader): boolean {
	return number(row, 0, 1) === 1;
}

function oneOf<T extends string>(row: TraceReader, values: readonly T[]): T {
	return values.find(value => value === row.text(FIELD.a1)) ?? row.fail(FIELD.a1, `one of ${values.join(', ')}`);
}

function revision(row: TraceReader): RevisionName {
	const name = row.text(FIELD.a1);
	if (isRevisionName(name)) return name;
	if (laterRevisions.includes(name)) row.failNotModelled(FIELD.a1, `revision ${name}`);
	return row.fail(FIELD.a1, `one of ${[...Object.keys(revisions), ...laterRevisions].join(', ')}`);
}

function architecture(row: TraceReader): ArchitectureName {
	return oneOf(row, architectureNames);
}

function formatVersion(row: TraceReader): object {
	if (number(row, 0, 2 ** 31 - 1) !== 1) row.fail(FIELD.a1, 'format 1');
	return {};
}

/** What each key of the trace format does to the configuration of the machine. */
const keys: Readonly<Record<string, (row: TraceReader, config: Partial<Config>) => Partial<Config> | object>> = {
	format: formatVersion,
	kernel: () => ({}),
	revision: row => ({revision: revision(row)}),
	arch: row => ({arch: architecture(row)}),
	thp: row => ({thp: oneOf(row, ['always', 'madvise', 'never'])}),
	thp_zero_page: row => ({thp_zero_page: flag(row)}),
	swap: row => ({swap: number(row, 0, MOST_SLOTS)}),
	ram: row => ({ram: number(row, 0, 2 ** 32 - 1)}),
	max_map_count: row => ({max_map_count: number(row, 0, 2 ** 31 - 1)}),
	ksm: row => ({ksm: flag(row)}),
	remap_anon_pages: row => ({remap_anon_pages: flag(row)}),
	khugepaged_max_ptes_none: (row, {arch}) => ({khugepaged_max_ptes_none: number(row, 0, archs[arch ?? DEFAULT_CONFIG.arch].PTRS_PER_PTE - 1)}),
};

/** Reads a `config` row into the configuration. */
export function configure(row: TraceReader, config: Partial<Config>): Partial<Config> {
	const key = row.text(FIELD.a0), read = Object.hasOwn(keys, key) ? keys[key] : undefined;
	if (read === undefined) return row.fail(FIELD.a0, `one of ${Object.keys(keys).join(', ')}`);
	return {...config, ...read(row, config)};
}
