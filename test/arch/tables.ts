import {readFileSync} from 'node:fs';
import {abis, errnoOf} from '../../arch/abi.ts';
import {type Collision, collisions} from '../../arch/collisions.ts';
import {accepted_old_values} from '../../arch/parisc/mman.ts';
import {patch_powerpc} from '../../arch/x86/patch.ts';
import {type Abi, type ArchitectureName, architectureNames, type Family, kernelNames, postingNames} from '../../include/linux/abi.ts';
import * as userfault from '../../include/linux/userfault.ts';

// The tables and what they are held to, both as values by path: `parisc/3.10/madvise/MADV_MERGEABLE`.

export type Value = string | number | boolean | null;
export type Values = Map<string, Value>;

/** The leaves of a value, each under its path. */
function flatten(value: unknown, path: string, into: Values): void {
	if (typeof value === 'object' && value !== null) for (const [key, member] of Object.entries(value)) flatten(member, `${path}/${key}`, into);
	else into.set(path, value as Value);
}

const data = (name: string): unknown => JSON.parse(readFileSync(new URL(`../../../test/data/${name}`, import.meta.url), 'utf8'));

const families: Readonly<Record<string, Family>> = {MADV: 'madvise', PROT: 'prot', MAP: 'map', MREMAP: 'mremap', MS: 'msync', MCL: 'mlockall', MLOCK: 'mlock'};

interface Facts {
	readonly abis: Readonly<Record<ArchitectureName, {
		readonly memory: object;
		readonly syscalls: Readonly<Record<string, unknown>>;
		readonly mman: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
		readonly errno: {readonly values: object};
		readonly signals: {readonly values: object};
		readonly patch: {
			readonly remap_anon_pages: Readonly<Record<string, {readonly number: number | null}>>;
			readonly userfaultfd_in_posting: object;
			readonly madvise: Readonly<Record<string, unknown>>;
		};
	}>>;
	readonly thp_default: object;
	readonly patch: {
		readonly flags: Readonly<Record<string, {readonly value: number}>>;
		readonly vm_flags: {readonly VM_USERFAULT: {readonly value: number, readonly bit: number, readonly smaps_word: string}};
		readonly also_wired_outside_the_nine_abis: {readonly powerpc: {readonly '2014-10': {readonly remap_anon_pages: number, readonly userfaultfd: number}}};
		readonly not_wired: readonly string[];
	};
	readonly collisions: readonly Collision[];
	readonly same_number_on_other_abis: {
		readonly numbers: Readonly<Record<string, Readonly<Record<string, string | null>>>>;
		readonly cross_x86: {readonly i386_numbers_314_317_321_323: Readonly<Record<string, string>>};
	};
	readonly uffdio: Readonly<Record<string, number | string>>;
}

export const facts = data('abi-facts.json') as Facts;

const headers = (data('abi-headers.json') as {readonly abis: Readonly<Record<ArchitectureName, Readonly<Record<'3.10' | '3.17', Readonly<Record<string, Readonly<Record<string, number>>>>>>>>}).abis;

/** What the facts say. */
export function valuesOfFacts(): Values {
	const into: Values = new Map();
	for (const arch of architectureNames) {
		const {memory, syscalls, mman, errno, signals, patch} = facts.abis[arch], {source: _, note: __, ...memoryFacts} = memory as Record<string, unknown>;
		flatten(memoryFacts, `${arch}/memory`, into);
		flatten(errno.values, `${arch}/3.10/errno`, into);
		flatten(signals.values, `${arch}/signal`, into);
		for (const kernel of kernelNames) {
			const {numbers, slot_is_sys_ni_syscall = [], ...table} = syscalls[kernel] as {numbers: object, slot_is_sys_ni_syscall?: string[]};
			flatten(numbers, `${arch}/${kernel}/syscalls`, into);
			flatten({...table, slot_is_sys_ni_syscall, base: syscalls['base']}, `${arch}/${kernel}/table`, into);
			for (const [family, ours] of Object.entries(families)) flatten(mman[kernel]![family] ?? {}, `${arch}/${kernel}/${ours}`, into);
			if (arch === 'parisc' && kernel === '7.2') flatten((mman[kernel]!['accepted_old_values'] as {map: object}).map, 'accepted_old_values', into);
		}
		for (const posting of postingNames) into.set(`${arch}/${posting}/remap_anon_pages`, patch.remap_anon_pages[posting]!.number);
		for (const [posting, number] of Object.entries(patch.userfaultfd_in_posting)) into.set(`${arch}/${posting}/userfaultfd`, number as number | null);
		for (const name of ['MADV_USERFAULT', 'MADV_NOUSERFAULT']) into.set(`${arch}/userfault/${name}`, patch.madvise[name] as number);
	}
	flatten(facts.thp_default, 'thp_default', into);
	for (const [name, {value}] of Object.entries(facts.patch.flags)) into.set(`flags/${name}`, value);
	const {value, bit, smaps_word} = facts.patch.vm_flags.VM_USERFAULT;
	flatten({value, bit, smaps_word}, 'VM_USERFAULT', into);
	flatten(facts.patch.also_wired_outside_the_nine_abis.powerpc['2014-10'], 'powerpc', into);
	into.delete('powerpc/source');
	flatten(facts.collisions, 'collisions', into);
	for (const [arch, numbers] of Object.entries(facts.same_number_on_other_abis.numbers)) flatten(numbers, `${arch}/7.2/by-number`, into);
	flatten(facts.same_number_on_other_abis.cross_x86.i386_numbers_314_317_321_323, 'i386/7.2/by-number', into);
	for (const {abi, kind, number, today} of facts.collisions) if (kind === 'syscall' && today !== null) into.set(`${abi}/7.2/syscalls/${today}`, number);
	for (const path of [...into.keys()]) {
		const [, arch, number] = /^(.*)\/7\.2\/by-number\/(\d+)$/.exec(path) ?? [], name = into.get(path);
		if (arch !== undefined && typeof name === 'string') into.set(`${arch}/7.2/syscalls/${name}`, Number(number));
	}
	for (const arch of architectureNames) into.set(`${arch}/7.2/syscalls/${into.get(`${arch}/7.2/table/last_name`)}`, into.get(`${arch}/7.2/table/last`)!);
	into.set('x32/7.2/syscalls/rseq_slice_yield', into.get('x32/7.2/table/last_common')!);
	for (const [name, number] of Object.entries(facts.uffdio)) if (typeof number === 'number') into.set(`uffdio/${name}`, number);
	return into;
}

/** What the kernels' own headers say. */
export function valuesOfHeaders(): Values {
	const into: Values = new Map();
	for (const arch of architectureNames) {
		for (const kernel of ['3.10', '3.17'] as const) {
			const {mman, errno, signal, syscalls} = headers[arch][kernel];
			for (const [name, value] of Object.entries(mman!)) into.set(`${arch}/${kernel}/${familyOf(name)}/${name}`, value);
			flatten(errno, `${arch}/${kernel}/errno`, into);
			flatten(signal, `${arch}/signal`, into);
			flatten(syscalls, `${arch}/${kernel}/syscalls`, into);
		}
	}
	return into;
}

function familyOf(name: string): Family {
	if (name.startsWith('MPOL_')) return 'mempolicy';
	return name.startsWith('_MAP') ? 'map' : families[name.split('_')[0]!]!;
}

/** What the tables say. */
export function valuesOfTables(of: Readonly<Record<ArchitectureName, Abi>> = abis): Values {
	const into: Values = new Map();
	for (const arch of architectureNames) {
		const {mman, syscalls, patch, signal, memory, userfault: advices} = of[arch], {source: _, note: __, ...rest} = memory;
		flatten(rest, `${arch}/memory`, into);
		flatten(signal, `${arch}/signal`, into);
		flatten(advices, `${arch}/userfault`, into);
		flatten(patch, arch, into);
		for (const kernel of kernelNames) {
			flatten(mman[kernel], `${arch}/${kernel}`, into);
			flatten(errnoOf(of[arch], kernel), `${arch}/${kernel}/errno`, into);
			const {numbers, ...table} = syscalls[kernel];
			flatten(numbers, `${arch}/${kernel}/syscalls`, into);
			flatten(table, `${arch}/${kernel}/table`, into);
		}
		const numbers = new Set(Object.values(facts.same_number_on_other_abis.numbers).flatMap(known => Object.keys(known)));
		const names = new Map(Object.entries(syscalls['7.2'].numbers).map(([name, number]) => [number, name]));
		for (const number of numbers) into.set(`${arch}/7.2/by-number/${number}`, names.get(Number(number)) ?? null);
	}
	flatten(userfault.thp_default, 'thp_default', into);
	flatten(userfault.flags, 'flags', into);
	flatten({value: userfault.vm_flags.VM_USERFAULT, bit: userfault.VM_USERFAULT_BIT, smaps_word: userfault.smaps_word}, 'VM_USERFAULT', into);
	flatten(patch_powerpc, 'powerpc', into);
	flatten(accepted_old_values, 'accepted_old_values', into);
	flatten(userfault.uffdio, 'uffdio', into);
	// in the order of the facts, which is not told
	const order = new Map(facts.collisions.map((collision, i) => [keyOf(collision), i]));
	for (const collision of collisions()) flatten(collision, `collisions/${order.get(keyOf(collision)) ?? keyOf(collision)}`, into);
	return into;
}

function keyOf({abi, kind, number, patch_name, posting}: Collision): string {
	return [abi, kind, number, patch_name, posting].join(' ');
}

/** Where the tables do not say what is expected. */
export function disagreements(expected: Values, tables: Values): string[] {
	return [...expected].filter(([path, value]) => tables.get(path) !== value).map(([path, value]) => `${path}: expected ${value}, found ${tables.get(path)}`);
}
