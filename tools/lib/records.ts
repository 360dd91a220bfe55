import {errno_base} from '../../include/asm-generic/errno-base.ts';
import {abis, errnoOf} from '../../arch/abi.ts';
import {patch_powerpc, patch_source} from '../../arch/x86/patch.ts';
import {accepted_old_values} from '../../arch/parisc/mman.ts';
import {type Abi, type ArchitectureName, baseOf, type Family, type KernelName, kernelNames, type Numbers, type PostingName, postingNames} from '../../include/linux/abi.ts';
import {flags as patchFlags, smaps_word, thp_default, told, uffdio, vm_flags, vm_flags_7_2} from '../../include/linux/userfault.ts';

// What the tables say, as records: one for each name, architecture, and kernel or posting.

export const kinds = ['syscall', 'madvise', 'prot', 'map', 'mremap', 'msync', 'mlockall', 'mlock', 'mempolicy', 'errno', 'signal', 'memory', 'table', 'patch', 'uffdio'] as const;
export type Kind = (typeof kinds)[number];

export interface AbiRecord {
	readonly name: string;
	readonly arch: ArchitectureName | 'all' | 'powerpc';
	readonly kind: Kind;
	/** null: there is none, as with a call that is not wired. */
	readonly value: number | string | null;
	/** The kernel whose it is, or that the posting stands on. */
	readonly kernel: KernelName;
	/** null: the kernel as it was released. */
	readonly revision: PostingName | null;
	readonly source: string;
	readonly note: string | null;
}

/** Where and when: a kernel as released, or a posting on its base. */
export interface Context {
	readonly kernel: KernelName;
	readonly revision: PostingName | null;
}

export const kernelContexts: readonly Context[] = kernelNames.map(kernel => ({kernel, revision: null}));
export const postingContexts: readonly Context[] = postingNames.map(revision => ({kernel: baseOf[revision], revision}));

const HEADERS = {'3.10': '3.10', '3.17': '3.17', '7.2': '7.2.13'} as const;

/** The file that a constant of mman.h stands in. */
function mmanSource(of: Abi, family: Family, name: string, kernel: KernelName): string {
	const version = HEADERS[kernel], at = (file: string, when: string = version) => `${file} (${when})`;
	if (family === 'mempolicy') return at('include/uapi/linux/mempolicy.h', kernel === '7.2' ? '3.17' : version);
	if (family === 'mremap' || family === 'mlock') return at('include/uapi/linux/mman.h');
	if (kernel === '7.2' && /^MAP_(HUGE_\d|SHARED$|PRIVATE$|SHARED_VALIDATE|DROPPABLE)/.test(name)) {
		return at(name.startsWith('MAP_HUGE_') ? 'include/uapi/asm-generic/hugetlb_encode.h' : 'include/uapi/linux/mman.h');
	}
	if (of.arch !== 'x86') return at(`arch/${of.arch}/include/uapi/asm/mman.h`, of.arch === 'xtensa' && kernel === '7.2' ? 'mainline after 6.13' : version);
	if (/^MAP_(32BIT|ABOVE4G|HUGE_\d)/.test(name)) return at('arch/x86/include/uapi/asm/mman.h');
	const second = /^(MCL_|MAP_(GROWSDOWN|DENYWRITE|EXECUTABLE|LOCKED|NORESERVE)$)/.test(name) || (kernel !== '7.2' && /^MAP_(POPULATE|NONBLOCK|STACK|HUGETLB)$/.test(name));
	return at(second ? 'include/uapi/asm-generic/mman.h' : 'include/uapi/asm-generic/mman-common.h');
}

/** errno-base.h holds for all; then the architecture's own, or asm-generic's. */
function errnoSource(of: Abi, arch: ArchitectureName, name: string, value: number, kernel: KernelName): string {
	const version = kernel === '3.10' ? '3.10' : '3.17', own = arch === 'alpha' || of.arch === 'mips' || of.arch === 'parisc';
	if ((errno_base as Numbers)[name] === value) return `include/uapi/asm-generic/errno-base.h (${version})`;
	return own ? `arch/${of.arch}/include/uapi/asm/errno.h (${version})` : `include/uapi/asm-generic/errno.h (${version})`;
}

const families: readonly Family[] = ['madvise', 'prot', 'map', 'mremap', 'msync', 'mlockall', 'mlock', 'mempolicy'];

/** Which records are wanted; all others need not be made. */
export interface Wanted {
	(name: string, value: AbiRecord['value'], kind: Kind): boolean;
	/** Kinds of which none is wanted, so that their tables need not be looked at. */
	readonly not?: ReadonlySet<Kind>;
}

/** What the beginning of a name or pattern says of its kind: which tables cannot have it. */
export function kindsWithout(name: string): ReadonlySet<Kind> {
	const constant = /^_?(MADV|PROT|MAP|MREMAP|MS|MCL|MLOCK|MPOL)_/.test(name);
	return new Set(constant ? ['syscall', 'errno', 'signal', 'memory', 'table'] : /^[a-z0-9_]+$/.test(name) ? ['errno', 'signal'] : /^[A-Z]+$/.test(name) ? ['syscall'] : []);
}

function* mmanRecords(arch: ArchitectureName, of: Abi, {kernel, revision}: Context, wanted: Wanted): Generator<AbiRecord> {
	for (const family of families) {
		for (const [name, value] of Object.entries(of.mman[kernel][family])) {
			if (!wanted(name, value, family)) continue;
			const note = name === 'MAP_UNINITIALIZED' && value !== 0 ? 'without MMU and with CONFIG_MMAP_ALLOW_UNINITIALIZED; otherwise 0' : null;
			yield {name, arch, kind: family, value, kernel, revision, source: mmanSource(of, family, name, kernel), note};
		}
	}
	if (arch !== 'parisc' || kernel !== '7.2') return;
	for (const [value, name] of Object.entries(accepted_old_values)) {
		if (!wanted(name, Number(value), 'madvise')) continue;
		yield {
			name, arch, kind: 'madvise', value: Number(value), kernel, revision, source: 'arch/parisc/kernel/sys_parisc.c:parisc_madvise() (6.2 and later)',
			note: 'the number before 6.2, which is still taken',
		};
	}
}

function* syscallRecords(arch: ArchitectureName, of: Abi, {kernel, revision}: Context, wanted: Wanted): Generator<AbiRecord> {
	const {numbers, source, slot_is_sys_ni_syscall, ...table} = of.syscalls[kernel];
	for (const [name, value] of Object.entries(table)) if (wanted(`syscalls.${name}`, value, 'table')) yield {name: `syscalls.${name}`, arch, kind: 'table', value, kernel, revision, source, note: null};
	for (const name in numbers) {
		const value = numbers[name]!;
		if (!wanted(name, value, 'syscall')) continue;
		const note = value === null ? 'no such call' : slot_is_sys_ni_syscall.includes(name) ? 'the slot leads to sys_ni_syscall: -ENOSYS' : null;
		yield {name, arch, kind: 'syscall', value, kernel, revision, source, note};
	}
}

function* patchRecords(arch: ArchitectureName, of: Abi, {kernel, revision}: Context, wanted: Wanted): Generator<AbiRecord> {
	if (revision === null) return;
	const {letter, source} = patch_source[revision], headers = revision === '2013-05'
		? 'I: arch and asm-generic mman.h are in the letter\'s diffstat, values from 2014' : 'P: arch/*/include/uapi/asm/mman.h, include/uapi/asm-generic/mman-common.h';
	for (const [name, value] of Object.entries(of.userfault)) if (wanted(name, value, 'madvise')) yield {name, arch, kind: 'madvise', value, kernel, revision, source: headers, note: null};
	for (const [name, value] of Object.entries(of.patch[revision])) {
		if (!wanted(name, value, 'syscall')) continue;
		const none = name === 'userfaultfd' && revision === '2013-05' ? 'not in this posting' : 'not wired: -ENOSYS';
		yield {name, arch, kind: 'syscall', value, kernel, revision, source: `${letter}: ${source}`, note: value === null ? none : null};
	}
}

/** 7.2's are inferred: a number that programs know is never changed. */
function* otherRecords(arch: ArchitectureName, of: Abi, {kernel, revision}: Context, wanted: Wanted): Generator<AbiRecord> {
	const errno = errnoOf(of, kernel), rest = {arch, kernel, revision, note: null}, inferred = kernel === '7.2' ? 'I: as in ' : '';
	for (const name in errno) {
		const value = errno[name]!;
		if (wanted(name, value, 'errno')) yield {...rest, name, kind: 'errno', value, source: inferred + errnoSource(of, arch, name, value, kernel)};
	}
	for (const name in of.signal) {
		const value = of.signal[name]!, source = `${inferred}arch/${of.arch}/include/uapi/asm/signal.h (3.10, same in 3.17)`;
		if (wanted(name, value, 'signal')) yield {...rest, name, kind: 'signal', value, source};
	}
}

/** A table as records: `page_table.bits.pgd`, and a list by commas. */
function* leaves(value: unknown, path: string): Generator<[string, number | string | null]> {
	if (value === null || typeof value === 'number' || typeof value === 'string') yield [path, value];
	else if (typeof value === 'boolean') yield [path, value ? 'yes' : 'no'];
	else if (Array.isArray(value)) yield [path, value.length === 1 ? value[0] as number : value.join(', ')];
	else for (const [key, member] of Object.entries(value as object)) yield* leaves(member, path === '' ? key : `${path}.${key}`);
}

/** How the kernel calls what the tables know by other names. */
const memoryNames: Readonly<Record<string, string>> = {PAGE_SIZE: 'default_page_size', TASK_SIZE: 'task_size', PMD_SIZE: 'pmd_size', HPAGE_PMD_SIZE: 'huge_page_size', BITS_PER_LONG: 'bits_per_long'};

function* memoryRecords(arch: ArchitectureName, of: Abi, {kernel, revision}: Context): Generator<AbiRecord> {
	if (kernel === '7.2') return;
	const {source: files, thp, note: _, ...memory} = of.memory, source = files.join('; ');
	const made = (name: string, value: number | string | null, from = source, note: string | null = null): AbiRecord =>
		({name, arch, kind: 'memory', value, kernel, revision, source: from, note: note ?? (name.endsWith('huge_page_size') && value === null ? 'no transparent huge pages' : null)});
	for (const [name, value] of leaves(memory, '')) if (!/(^|\.)(source|when|task_size_rule)\b/.test(name) && !name.includes('thp')) {
		const variant = /^variants\.(\w+)\./.exec(name)?.[1];
		const when = variant === undefined ? null : of.memory.variants![variant]!.when;
		yield made(name, value, variant === undefined ? source : (of.memory.variants![variant]!.source ?? files).join('; '), when);
	}
	for (const [name, value] of leaves(memory, '')) if (/task_size_rule$/.test(name)) yield made(name, value);
	for (const [name, to] of Object.entries(memoryNames)) yield made(name, (memory as unknown as Record<string, number | null>)[to]!);
	const {configurable, condition} = thp[kernel];
	yield made('thp.configurable', configurable ? 'yes' : 'no', thp.source, condition ?? null);
	yield made('thp.enabled', configurable ? thp_default.enabled : 'never', thp_default.source, `default of CONFIG_${thp_default.config}; choices: ${thp_default.choices.join(', ')}`);
	if (of.memory.variants !== undefined) for (const [variant, {when, thp: its}] of Object.entries(of.memory.variants)) {
		if (its !== undefined) yield made(`variants.${variant}.thp.configurable`, its[kernel].configurable ? 'yes' : 'no', its.source, [when, its[kernel].condition].join('; '));
	}
}

/** What is no architecture's own. */
export function* commonRecords({kernel, revision}: Context): Generator<AbiRecord> {
	const all = {arch: 'all', kernel, revision, note: null} as const;
	if (revision === '2014-10') {
		const note = 'powerpc is outside the nine ABIs';
		for (const [name, value] of Object.entries(patch_powerpc)) yield {...all, arch: 'powerpc', name, kind: 'syscall', value, source: 'P: 1412356087-16115, patch 16 of 17', note};
	}
	if (revision !== null && told.includes(revision)) {
		for (const [name, value] of Object.entries(patchFlags)) yield {...all, name, kind: 'patch', value, source: 'P: mm/fremap.c of the posting'};
		for (const [name, value] of Object.entries(vm_flags)) {
			yield {...all, name, kind: 'patch', value, source: 'P: include/linux/mm.h and fs/proc/task_mmu.c of the posting', note: `bit 32, ${smaps_word} in smaps; vm_flags becomes 64 bits wide on 32-bit kernels too`};
		}
	}
	if (kernel !== '7.2') return;
	for (const [name, value] of Object.entries(vm_flags_7_2)) yield {...all, name, kind: 'patch', value, source: 'include/linux/mm.h', note: 'a protection-key bit on x86, since 4.6 (I)'};
	for (const [name, value] of Object.entries(uffdio)) yield {...all, name, kind: 'uffdio', value, source: 'include/uapi/linux/userfaultfd.h (7.2.13)', note: 'since 6.8'};
}

function* only(all: Iterable<AbiRecord>, wanted: Wanted): Generator<AbiRecord> {
	for (const record of all) if (wanted(record.name, record.value, record.kind)) yield record;
}

/** Everything of some ABIs in some contexts, in their order. Of a posting, its own come last. */
export function* records(archs: readonly ArchitectureName[], contexts: readonly Context[], wanted: Wanted = () => true): Generator<AbiRecord> {
	for (const arch of archs) {
		for (const context of contexts) {
			const of: Abi = abis[arch];
			yield* mmanRecords(arch, of, context, wanted);
			if (wanted.not?.has('syscall') !== true) yield* syscallRecords(arch, of, context, wanted);
			if (wanted.not?.has('errno') !== true) yield* otherRecords(arch, of, context, wanted);
			if (wanted.not?.has('memory') !== true) yield* only(memoryRecords(arch, of, context), wanted);
			yield* patchRecords(arch, of, context, wanted);
		}
	}
	for (const context of contexts) yield* only(commonRecords(context), wanted);
}

/** What the postings add, and nothing of the kernels below. */
export function* postedRecords(archs: readonly ArchitectureName[], wanted: Wanted): Generator<AbiRecord> {
	for (const arch of archs) for (const context of postingContexts) yield* patchRecords(arch, abis[arch], context, wanted);
	for (const context of postingContexts) yield* only(commonRecords(context), wanted);
}
