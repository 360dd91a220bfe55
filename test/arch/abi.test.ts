import test from 'ava';
import {abi, abis, errnoOf, syscallsOf} from '../../arch/abi.ts';
import {archs} from '../../arch/arch.ts';
import {collisions} from '../../arch/collisions.ts';
import {type Abi, type ArchitectureName, architectureNames, kernelNames, postingNames} from '../../include/linux/abi.ts';
import {disagreements, facts, type Values, valuesOfFacts, valuesOfHeaders, valuesOfTables} from './tables.ts';

const tables = valuesOfTables(), factValues = valuesOfFacts(), headerValues = valuesOfHeaders();

test('the tables say what the collected facts say, value by value', t => {
	t.true(factValues.size > 3300, String(factValues.size));
	t.deepEqual(disagreements(factValues, tables), []);
});

test('the tables say what the kernels\' own headers say: every constant of mman.h, errno, signal and system call of 3.10 and 3.17', t => {
	t.true(headerValues.size > 9000, String(headerValues.size));
	t.deepEqual(disagreements(headerValues, tables), []);
});

test('the facts and the headers do not contradict each other', t => {
	t.deepEqual(disagreements(new Map([...factValues].filter(([path]) => headerValues.has(path))), headerValues), []);
});

test('the tables have no number that neither the facts nor the headers tell, but those of 7.2 that are carried over', t => {
	const untold = [...tables.keys()].filter(path => !factValues.has(path) && !headerValues.has(path));
	t.deepEqual(untold.filter(path => !/\/7\.2\/(errno|mempolicy|by-number)\/|\/last_common_name$/.test(path)), []);
	// carried over: what they were in 3.17
	t.deepEqual(untold.filter(path => /\/7\.2\/(errno|mempolicy)\//.test(path) && tables.get(path) !== tables.get(path.replace('/7.2/', '/3.17/'))), []);
});

test('the collisions are those that the facts have, and no more', t => {
	t.is(collisions().length, facts.collisions.length);
	t.deepEqual([...tables.keys()].filter(path => path.startsWith('collisions/') && !/^collisions\/\d+\//.test(path)), []);
});

/** A copy in which one table can be spoiled. */
function spoiled(arch: ArchitectureName, spoil: (abi: Abi) => Abi): Values {
	return valuesOfTables({...abis, [arch]: spoil(abis[arch])});
}

function plusOne(numbers: Readonly<Record<string, number | null>>, name: string): Record<string, number> {
	return {...numbers, [name]: (numbers[name] ?? 0) + 1} as Record<string, number>;
}

const wrong = test.macro({
	title: (_, arch: ArchitectureName) => `${arch}: a number that is wrong by one is found, whichever it is`,
	exec(t, arch: ArchitectureName) {
		const of: Abi = abis[arch], expected: Values = new Map([...headerValues, ...factValues]), missed: string[] = [];
		const check = (what: string, spoil: (abi: Abi) => Abi) => {
			if (disagreements(expected, spoiled(arch, spoil)).length === 0) missed.push(what);
		};
		for (const kernel of kernelNames) {
			for (const [family, numbers] of Object.entries(of.mman[kernel])) {
				if (family === 'mempolicy' && kernel === '7.2') continue;
				// one row of each table is enough here: a test above says that none is left out
				for (const name of Object.keys(numbers as object).slice(-1)) {
					check(`${kernel} ${name}`, abi => ({...abi, mman: {...abi.mman, [kernel]: {...abi.mman[kernel], [family]: plusOne(numbers as Record<string, number>, name)}}}));
				}
			}
			check(`${kernel} munmap`, abi => ({...abi, syscalls: {...abi.syscalls, [kernel]: {...abi.syscalls[kernel], numbers: plusOne(abi.syscalls[kernel].numbers, 'munmap')}}}));
		}
		check('ENOSYS', abi => ({...abi, errno: plusOne(abi.errno, 'ENOSYS')}));
		check('ECONNREFUSED', abi => ({...abi, errno: plusOne(abi.errno, 'ECONNREFUSED')}));
		check('SIGBUS', abi => ({...abi, signal: plusOne(abi.signal, 'SIGBUS')}));
		check('MADV_USERFAULT', abi => ({...abi, userfault: {...abi.userfault, MADV_USERFAULT: abi.userfault.MADV_USERFAULT + 1}}));
		for (const posting of postingNames) {
			check(posting, abi => ({...abi, patch: {...abi.patch, [posting]: {...abi.patch[posting], remap_anon_pages: (abi.patch[posting].remap_anon_pages ?? 0) + 1}}}));
		}
		check('page size', abi => ({...abi, memory: {...abi.memory, default_page_size: 16384}}));
		check('TASK_SIZE', abi => ({...abi, memory: {...abi.memory, task_size: abi.memory.task_size + 1}}));
		t.deepEqual(missed, []);
	},
});
for (const arch of architectureNames) test(wrong, arch);

test('advices of one kernel are distinct on each architecture, and so are flags of mmap but for the values of MAP_TYPE', t => {
	for (const arch of architectureNames) {
		const of: Abi = abis[arch];
		for (const kernel of kernelNames) {
			const advices = Object.values({...of.mman[kernel].madvise, ...(kernel === '7.2' ? {} : of.userfault)});
			t.is(new Set(advices).size, advices.length, `${arch} ${kernel}`);
		}
	}
});

test('the patch wires its call on x86 only, and takes no number of its base kernel', t => {
	for (const arch of architectureNames) {
		const of: Abi = abis[arch];
		for (const posting of ['2013-05', '2014-10'] as const) {
			const {remap_anon_pages: number} = of.patch[posting], base = of.syscalls[posting === '2013-05' ? '3.10' : '3.17'];
			t.is(number !== null, of.arch === 'x86', `${arch} ${posting}`);
			if (number !== null) t.false(Object.values(base.numbers).includes(number), `${arch} ${posting}`);
		}
	}
});

test('what the library answers is known to the compiler as a literal', t => {
	const advice: 71 = abi('parisc').madvise.MADV_USERFAULT;
	const anonymous: 0x10 = abi('alpha', '3.17').map.MAP_ANONYMOUS;
	const call: 357 = abi('i386', '2014-10').syscalls.remap_anon_pages;
	const nothing: null = abi('xtensa', '2014-10').syscalls.remap_anon_pages;
	const today: 18 = abi('parisc', '7.2').madvise.MADV_WIPEONFORK;
	const pages: 8192 = abi('alpha').memory.default_page_size;
	const error: 89 = abi('mips-o32').errno.ENOSYS;
	t.deepEqual([advice, anonymous, call, nothing, today, pages, error], [71, 0x10, 357, null, 18, 8192, 89]);
	// @ts-expect-error - a released kernel does not have it
	t.is(abi('parisc', '7.2').madvise.MADV_USERFAULT, undefined);
	// @ts-expect-error - no such architecture
	t.throws(() => abi('sparc'));
});

test('the library has the numbers of the base kernel below a posting', t => {
	t.is(abi('x86_64', '2014-10').syscalls['munmap'], 11);
	t.is(syscallsOf(abis.x86_64, '2013-05')['remap_anon_pages'], 314);
	t.is(abi('parisc', '3.10').errno.EWOULDBLOCK, 246);
	t.is(errnoOf(abis.parisc, '3.17')['EWOULDBLOCK'], 11);
});

test('the geometry that mm gets is that of the table: sizes follow from the bits of each level', t => {
	for (const arch of architectureNames) {
		const {memory}: Abi = abis[arch], it = archs[arch], {bits} = memory.page_table;
		t.is(it.PMD_SIZE, it.PAGE_SIZE * it.PTRS_PER_PTE, arch);
		t.is(it.PUD_SIZE, it.PMD_SIZE * it.PTRS_PER_PMD, arch);
		t.is(it.PGDIR_SIZE, it.PUD_SIZE * it.PTRS_PER_PUD, arch);
		t.is(Math.log2(it.PAGE_SIZE) + Object.values(bits).reduce((sum, n) => sum + n, 0), memory.page_table.va_bits, arch);
		t.true(it.TASK_SIZE <= it.PGDIR_SIZE * it.PTRS_PER_PGD, arch);
		t.is(it.huge_pages, memory.huge_page_size !== null, arch);
		if (memory.huge_page_size !== null) t.is(memory.huge_page_size, it.PMD_SIZE, arch);
	}
});
