import {abis, errnoOf, syscallsOf} from './abi.ts';
import {errnos} from '../include/asm-generic/errno.ts';
import * as generic from '../include/asm-generic/mman-common.ts';
import type {Abi, ArchitectureName, Numbers} from '../include/linux/abi.ts';
import type {Revision} from '../include/linux/revision.ts';

// Ours: an architecture's numbers and those of include/asm-generic, which mm reckons with. They are exchanged where a system call is entered and
// left, so no function of mm/ asks for the architecture.

/** A bit that no flag has, by which mm finds that there was one that it does not know. */
const UNKNOWN = 0x1000_0000;
/** An advice that there is not. */
const NO_ADVICE = -1;

/** What a call's arguments and results are to an architecture. The x86 ones have the generic numbers, and need none. */
export interface Convention {
	prot(flags: number): number;
	map(flags: number): number;
	advice(behavior: number): number;
	msync(flags: number): number;
	mlockall(flags: number): number;
	/** A positive errno, to the architecture's own. */
	errno(error: number): number;
}

/** Pairs of flags: the architecture's, the generic one. */
function pairs(own: Numbers, to: Numbers): (readonly [number, number])[] {
	return Object.entries(own).flatMap(([name, value]) => (to[name] !== undefined && value !== 0 ? [[value, to[name]!] as const] : []));
}

/** Takes flags bit by bit. @param unknown - stands for all that has no generic name */
function flagsTranslator(own: Numbers, to: Numbers, unknown: number): (flags: number) => number {
	const known = pairs(own, to).filter(([value]) => (value & (value - 1)) === 0);
	const all = known.reduce((sum, [value]) => sum | value, 0);
	return flags => known.reduce((sum, [value, is]) => ((flags & value) === 0 ? sum : sum | is), (flags & ~all) === 0 ? 0 : unknown);
}

/** MAP_TYPE is a field; mmap passes over flags that it does not know; of MAP_HUGETLB's size nothing is modelled. */
function mapTranslator(own: Numbers): (flags: number) => number {
	const {MAP_TYPE, MAP_HUGE_SHIFT, MAP_HUGE_MASK, ...flags} = own;
	const single = Object.fromEntries(Object.entries(flags).filter(([name, value]) => (value & MAP_TYPE!) === 0 && !name.startsWith('MAP_HUGE_')));
	const bits = flagsTranslator(single, generic.map, 0);
	return value => (value & MAP_TYPE!) | bits(value & ~MAP_TYPE!);
}

function valueTranslator(own: Numbers, to: Numbers, unknown: number): (value: number) => number {
	const values = new Map(pairs(own, to));
	return value => (value === 0 ? 0 : values.get(value) ?? unknown);
}

/** @returns null where every number is the generic one */
export function conventionOf(arch: ArchitectureName, {kernel, posting}: Pick<Revision, 'kernel' | 'posting'>): Convention | null {
	const of: Abi = abis[arch];
	if (of.arch === 'x86') return null;
	const {prot, map, madvise, msync, mlockall} = of.mman[kernel];
	const own = new Map(pairs(errnos, errnoOf(of, kernel)));
	return {
		prot: flagsTranslator(prot, generic.prot, UNKNOWN),
		map: mapTranslator(map),
		advice: valueTranslator(
			posting === null ? madvise : {...madvise, ...of.userfault},
			posting === null ? {...generic.madvise, ...generic.more.madvise} : {...generic.madvise, ...generic.userfault}, NO_ADVICE),
		msync: flagsTranslator(msync, generic.msync, UNKNOWN),
		mlockall: flagsTranslator(mlockall, generic.mlockall, UNKNOWN),
		errno: error => own.get(error) ?? error,
	};
}

const errnosByKernel = new Map<string, Numbers>();

/** The errno of an architecture by name, and ERESTARTSYS, which no program sees. The same object each time. */
export function errnosOf(arch: ArchitectureName, {kernel}: Pick<Revision, 'kernel'>): Numbers {
	const key = `${arch} ${kernel}`, known = errnosByKernel.get(key), numbers = known ?? {...errnoOf(abis[arch], kernel), ERESTARTSYS: errnos.ERESTARTSYS};
	if (known === undefined) errnosByKernel.set(key, numbers);
	return numbers;
}

/** What is behind a number of the system call table: a name, or `sys_ni_syscall`. */
export type SyscallByNumber = ReadonlyMap<number, string>;

/**
 * The system call table of an architecture and revision. Of a posting it has remap_anon_pages only where the posting wires it; userfaultfd is
 * by patches that are not modelled. An x32 program may use the numbers of x86_64 as well.
 */
export function syscallTable(arch: ArchitectureName, revision: Pick<Revision, 'kernel' | 'posting'>): SyscallByNumber {
	const of: Abi = abis[arch], {kernel, posting} = revision, {userfaultfd, ...calls} = syscallsOf(of, posting ?? kernel);
	const {slot_is_sys_ni_syscall: ni} = of.syscalls[kernel], all = posting === null && userfaultfd != null ? {...calls, userfaultfd} : calls;
	const own = Object.entries(all).flatMap(([name, number]) => (number === null || ni.includes(name) ? [] : [[number, name] as const]));
	return new Map(arch === 'x32' ? [...syscallTable('x86_64', revision), ...own] : own);
}
