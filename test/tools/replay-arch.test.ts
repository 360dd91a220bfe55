import test from 'ava';
import {abis} from '../../arch/abi.ts';
import {archs} from '../../arch/arch.ts';
import {type Abi, type ArchitectureName, architectureNames} from '../../include/linux/abi.ts';
import {Kernel} from '../../kernel/kernel.ts';
import {main} from '../../tools/replay.ts';

// The replay follows the architecture of the trace: numbers, pages, tables, TASK_SIZE, wrap-around, huge pages.

/** Replays a trace from standard input. */
async function replay(rows: string, ...options: readonly string[]): Promise<{status: number, stdout: string, stderr: string}> {
	let stdout = '', stderr = '';
	const status = await main([...options, '-'], {
		stdin: (async function* () {
			yield new TextEncoder().encode(`event,task,a0,a1,a2,a3,a4,a5,result\n${rows}`);
		})(),
		stdout: {async write(text) { stdout += text; }, isTTY: false, columns: 120},
		stderr: {async write(text) { stderr += text; }, isTTY: false, columns: 120},
		env: {},
	});
	return {status, stdout, stderr};
}

const agrees = test.macro({
	title: (_, claim: string) => claim,
	async exec(t, _claim: string, rows: string) {
		t.deepEqual(await replay(rows), {status: 0, stdout: `agrees - (${rows.trim().split('\n').filter(row => !row.startsWith('config')).length} rows, ${/config,,revision,(.*)/.exec(rows)?.[1] ?? '2013-05'})\n`, stderr: ''});
	},
});

/** Two mappings, of 16 MiB each. */
const TWO = `mmap,,0x10000000,0x1000000,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,,0x10000000
mmap,,0x20000000,0x1000000,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,,0x20000000
madvise,,0x10000000,0x1000000,MADV_USERFAULT,,,,0
`;

for (const revision of ['2013-05', '2014-10']) {
	for (const arch of architectureNames) {
		test(agrees, `${arch}, ${revision}: one trace in symbolic names, below 0x40000000, in multiples of the largest page, replays`, `config,,revision,${revision}
config,,arch,${arch}
config,,thp,never
config,,swap,100
${TWO}read,,0x10000000,,,,,,SIGBUS@0x10000000
write,,0x20000000,0x4000,42,,,,ok
remap_anon_pages,,0x10000000,0x20000000,0x2000,,,,${revision === '2013-05' ? 0 : 8192}
read,,0x10000000,0x2000,42,,,,ok
read,,0x10002000,,,,,,SIGBUS@0x10002000
remap_anon_pages,,0x10000000,0x20002000,0x2000,,,,${revision === '2013-05' ? '-EFAULT' : '-EEXIST'}
madvise,,0x10000000,0x1000000,MADV_NOUSERFAULT,,,,0
swap_out,,0x10000000,0x2000
rss,,,,,,,,anon=${0x2000 / archs[arch].PAGE_SIZE} file=0 swap=${0x2000 / archs[arch].PAGE_SIZE}
mlockall,,MCL_CURRENT|MCL_FUTURE,,,,,,0
msync,,0x10000000,0x2000,MS_SYNC,,,,0
mprotect,,0x10000000,0x2000,PROT_READ|PROT_SEM,,,,0
madvise,,0x20002000,0x2000,MADV_DONTNEED,,,,-EINVAL
munlockall,,,,,,,,0
madvise,,0x20002000,0x2000,MADV_DONTNEED,,,,0
read,,0x20002000,,0,,,,ok
`);
	}
}

test(agrees, 'alpha moves pages of 8 KiB: 4096 bytes are not a page to 2014-10', `config,,revision,2014-10
config,,arch,alpha
${TWO}write,,0x20000000,0x2000,42,,,,ok
remap_anon_pages,,0x10000000,0x20000000,0x1000,,,,-EINVAL
remap_anon_pages,,0x10001000,0x20000000,0x2000,,,,-EINVAL
remap_anon_pages,,0x10000000,0x20000000,0x2000,,,,8192
read,,0x10001fff,,42,,,,ok
rss,,,,,,,,anon=1 file=0 swap=0
`);

test(agrees, 'i386 wraps at 32 bits: what is above is not there', `config,,arch,i386
${TWO}write,,0x20000000,,42,,,,ok
madvise,,0x10000000,0x100001000,MADV_NORMAL,,,,0
remap_anon_pages,,0x110000000,0xffffffff20000000,0x700001000,,,,0
read,,0x210000000,,42,,,,ok
munmap,,0xfffff000,0x2000,,,,,-EINVAL
mprotect,,0x10000000,0xf0001000,PROT_READ,,,,-ENOMEM
remap_anon_pages,,0x10000000,0x20000000,0xf0000000,,,,-EINVAL
read,,0xc0000000,,,,,,SIGSEGV@0xc0000000
mmap,,0,0x1000,PROT_READ,MAP_PRIVATE|MAP_ANONYMOUS,-1,,0xb7fff000
`);

test(agrees, 'x86_64 does not wrap there', `${TWO}madvise,,0x10000000,0x100001000,MADV_NORMAL,,,,-ENOMEM
remap_anon_pages,,0x110000000,0x20000000,0x1000,,,,-EINVAL
read,,0x210000000,,,,,,SIGSEGV@0x210000000
`);

for (const arch of architectureNames) {
	const {memory}: Abi = abis[arch], huge = memory.huge_page_size, page = memory.default_page_size, end = memory.task_size - memory.task_size % page;
	test(agrees, `${arch}: ${huge === null ? 'no huge pages, and no advice about them' : `huge pages of ${huge / 0x10_0000} MiB`}`, `config,,arch,${arch}
${TWO}write,,0x20000000,,1,,,,ok
pte,,0x20000000,1,,,,,${huge === null ? 'base' : 'huge'}
rss,,,,,,,,anon=${huge === null ? 1 : huge / page} file=0 swap=0
vmstat,,thp_fault_alloc,,,,,,${huge === null ? 0 : 1}
madvise,,0x20000000,0x1000000,MADV_NOHUGEPAGE,,,,${huge === null ? '-EINVAL' : 0}
collapse,,0x20000000,,,,,,fail
`);
	const number = abis[arch].patch['2013-05'].remap_anon_pages, last = abis[arch].syscalls['3.10'].last;
	test(agrees, `${arch}: remap_anon_pages by name is the call, by number ${number === null ? 'it is -ENOSYS, as the architecture writes it' : `${number} it is, too`}`, `config,,arch,${arch}
config,,thp,never
${TWO}write,,0x20000000,0x4000,5,,,,ok
remap_anon_pages,,0x10000000,0x20000000,0x2000,,,,0
syscall,,${number ?? last + 1},0x10002000,0x20002000,0x2000,,,${number === null ? -abis[arch].errno.ENOSYS : 0}
syscall,,${number ?? last + 1},0x10002000,0x20002000,0x2000,,,${number === null ? '-ENOSYS' : '-EFAULT'}
syscall,,${abis[arch].syscalls['3.10'].numbers['munmap']},0x20000000,0x2000,,,,0
read,,0x20000000,,,,,,SIGSEGV@0x20000000
`);
	test(agrees, `${arch}: nothing can be mapped past TASK_SIZE, and the last page can`, `config,,arch,${arch}
mmap,,${end - page},${page},PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,,${end - page}
write,,${end - page},,1,,,,ok
mmap,,${end},${page},PROT_READ,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,,-ENOMEM
`);
}

test(agrees, 'parisc: 71 is MADV_USERFAULT, and 18 a page size that mm refuses', `config,,arch,parisc
${TWO}madvise,,0x20000000,0x1000000,71,,,,0
madvise,,0x20000000,0x1000000,18,,,,-EINVAL
madvise,,0x20000000,0x1000000,MADV_64K_PAGES,,,,-EINVAL
`);

test(agrees, 'mips: MAP_ANONYMOUS is 0x800, and x86\'s 0x20 a flag that means nothing', `config,,arch,mips-n64
mmap,,0x10000000,0x1000,3,0x812,-1,,0x10000000
mmap,,0x20000000,0x1000,3,0x32,-1,,-EBADF
`);

test(agrees, 'nothing is past user memory, on i386 as on alpha', `config,,arch,alpha
config,,thp,never
${TWO}write,,0x10000000,,1,,,,SIGBUS@0x10000000
write,,0x20000000,,1,,,,ok
pte,,0x80020000000,1,,,,,none
pte,,0x8000000020000000,1,,,,,none
read,,0x8000000020000000,,,,,,SIGSEGV@0x8000000020000000
`);

test(agrees, 'a mistake is an error in the architecture\'s own number', `config,,arch,mips-o32
mmap,,0x10000000,0x1000,PROT_READ,MAP_PRIVATE|MAP_FIXED,5,,-9
mprotect,,0x10000000,0x1000,0x8,,,,-22
msync,,0x10000000,0x1000,8,,,,-22
mlockall,,4,,,,,,-22
syscall,,314,,,,,,-89
`);

test('a name of another architecture is not known, and one of the trace\'s is whatever the row before was', async t => {
	t.regex((await replay('config,,arch,alpha\nmmap,,0,0x2000,0,MAP_PRIVATE|MAP_32BIT,-1\n')).stderr, /^-:3:\d+: expected a known flag, found "MAP_PRIVATE\|MAP_32BIT"\n|MAP_32BIT/);
	t.is((await replay('config,,arch,parisc\nmadvise,,0x10000000,0x1000,MADV_4M_PAGES,,,,-EINVAL\n')).status, 0);
	t.is((await replay('madvise,,0x10000000,0x1000,MADV_4M_PAGES,,,,-EINVAL\n')).status, 2);
});

test('--watch rounds down to the pages of the architecture', async t => {
	const {stdout} = await replay(`config,,arch,alpha\nconfig,,thp,never\n${TWO}write,,0x20000000,,7\n`, '--watch', '0x20001008');
	t.regex(stdout, /0x20000000 of task 1: present/);
});

const library = test.macro({
	title: (_, arch: ArchitectureName) => `the library moves a page on ${arch}, and reads flags as it does`,
	exec(t, arch: ArchitectureName) {
		const task = new Kernel({arch, revision: '2014-10', thp: 'never'}).task(), {PAGE_SIZE} = archs[arch];
		const to = task.mmap(0, 4 * PAGE_SIZE, 'PROT_READ|PROT_WRITE', 'MAP_PRIVATE|MAP_ANONYMOUS'), from = task.mmap(0, PAGE_SIZE, 'PROT_READ|PROT_WRITE', 'MAP_PRIVATE|MAP_ANONYMOUS');
		t.is(task.madvise(to, 4 * PAGE_SIZE, 'MADV_USERFAULT'), 0);
		t.is(task.madvise(to, 4 * PAGE_SIZE, abis[arch].userfault.MADV_USERFAULT), 0);
		task.write(from, 1, 9);
		t.is(task.remap_anon_pages(to, from, PAGE_SIZE), PAGE_SIZE);
		t.is(task.page(to).data, 9n);
		t.deepEqual(task.read(to + PAGE_SIZE), {result: 'SIGBUS', address: to + PAGE_SIZE});
	},
});
for (const arch of architectureNames) test(library, arch);
