import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import test from 'ava';
import {inRoot, linesOf, plainEnvironment, recorded, run, temporaryFolder, type Ended} from './lib/tool.ts';

// What `npm pack` makes, in a project that has nothing else

interface Packed {
	readonly filename: string;
	readonly files: readonly {readonly path: string}[];
}

const compiler = inRoot('node_modules/typescript/bin/tsc');

/** Runs a program and demands that it ends well. @returns its output */
async function succeed(command: string, args: readonly string[], cwd: string): Promise<string> {
	const result = await run(command, args, {cwd, env: plainEnvironment});
	if (result.code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${result.code}:\n${result.stdout}\n${result.stderr}`);
	return result.stdout;
}

/** Packs what has been built, without building it again under the other tests' feet. */
async function pack(folder: string): Promise<Packed> {
	return (JSON.parse(await succeed('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], inRoot())) as Packed[])[0]!;
}

async function install(folder: string, tarball: string): Promise<void> {
	mkdirSync(folder);
	writeFileSync(path.join(folder, 'package.json'), JSON.stringify({name: 'nobody', private: true, type: 'module'}));
	await succeed('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', tarball], folder);
}

/** Compiles files of the project as strictly as a user may. */
async function compile(folder: string, ...options: readonly string[]): Promise<Ended> {
	writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({
		compilerOptions: {module: 'nodenext', target: 'es2023', lib: ['es2023'], types: [], strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmitOnError: true},
		files: options,
	}));
	return run(process.execPath, [compiler, '-p', '.'], {cwd: folder, env: plainEnvironment});
}

const USE = `import {Kernel, errnoName, type VmaView} from 'userfault-model';

const kernel = new Kernel({revision: '2014-10'}), task = kernel.task();
const moved: number = task.remap_anon_pages(0x1000, 0x2000, 0x1000);
const vmas: VmaView[] = task.vmas();
const data: bigint | undefined = task.page(0x1000).data;
// the types are there, and are not any
// @ts-expect-error - there is no such posting
(() => new Kernel({revision: '2015-03'})).name;
// @ts-expect-error - a number of bytes is no text
const wrong: string = task.munmap(0x1000, 0x1000);
// @ts-expect-error - nothing of the kind
task.remapAnonPages?.();
declare const console: {log(...values: unknown[]): void};
console.log(errnoName(moved), vmas.length, data, typeof wrong);
`;

test('the package installs into an empty project, and both the command and the typed import work there', async t => {
	t.timeout(120_000);
	const folder = temporaryFolder(t), project = path.join(folder, 'project'), {filename, files} = await pack(folder), names = files.map(file => file.path);

	// the documents that others write by are in it; recordings, tests, sources and the benchmark are not
	for (const name of ['docs/trace-format.md', 'README.md', 'LICENSE', 'package.json', 'dist/index.js', 'dist/index.d.ts', 'dist/tools/replay.js']) t.true(names.includes(name), name);
	t.deepEqual(names.filter(name => /^(traces|test|dist\/test|dist\/tools\/bench|coverage|node_modules|\.ci)|(?<!\.d)\.ts$|\.csv/.test(name)), []);

	await install(project, path.join(folder, filename));
	t.true(existsSync(path.join(project, 'node_modules/userfault-model/docs/trace-format.md')));

	// the command
	const help = await succeed('npx', ['--no-install', 'replay', '--help'], project);
	t.regex(help, /^replay <trace\.\.>/);
	const trace = recorded('2013-05/base/postcopy-64-pages.csv');
	const agrees = await succeed('npx', ['--no-install', 'replay', trace], project);
	t.regex(agrees, /^agrees .*postcopy-64-pages\.csv \(\d+ rows, 2013-05\)\n$/);
	const wrong = path.join(project, 'wrong.csv');
	writeFileSync(wrong, linesOf('2014-10/base/move-one-page.csv').join('\n').replace(',4096\n', ',0\n'));
	const differs = await run('npx', ['--no-install', 'replay', 'wrong.csv'], {cwd: project, env: plainEnvironment});
	t.is(differs.code, 1);
	t.regex(differs.stdout, /^wrong\.csv:48: remap_anon_pages: recorded 0, model 4096\n/);

	// the import
	writeFileSync(path.join(project, 'use.ts'), USE);
	const compiled = await compile(project, 'use.ts');
	t.is(compiled.code, 0, compiled.stdout);
	t.is(await succeed(process.execPath, ['use.js'], project), '-EINVAL 0 undefined number\n');

	// the README's example: it compiles, and prints what its comments say
	const example = /```ts\n(import [\s\S]*?from 'userfault-model';[\s\S]*?)```/.exec(readFileSync(inRoot('README.md'), 'utf8'))![1]!;
	writeFileSync(path.join(project, 'example.ts'), `declare const console: {log(...values: unknown[]): void};\n${example}`);
	const exampleCompiled = await compile(project, 'example.ts');
	t.is(exampleCompiled.code, 0, exampleCompiled.stdout);
	const printed = (await succeed(process.execPath, ['example.js'], project)).split('\n');
	const promised = example.split('\n').filter(line => line.includes('console.log(')).map(line => /\);\s*\/\/ (.*)$/.exec(line)?.[1]);
	t.true(promised.length > 1);
	for (const [i, promise] of promised.entries()) {
		if (promise !== undefined) t.regex(printed[i]!, new RegExp(`^${promise.split('…').map(part => part.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')).join('.*')}$`));
	}
});

test('package.json names entry, types, command, licence and Node as users need them', t => {
	const manifest = JSON.parse(readFileSync(inRoot('package.json'), 'utf8')) as Record<string, unknown>;
	t.is(manifest['name'], 'userfault-model');
	t.is(manifest['license'], 'GPL-2.0-only');
	t.deepEqual(manifest['engines'], {node: '>=20.19'});
	t.deepEqual(manifest['bin'], {abi: 'dist/tools/abi.js', replay: 'dist/tools/replay.js'});
	t.is(manifest['type'], 'module');
	const lock = JSON.parse(readFileSync(inRoot('package-lock.json'), 'utf8')) as {packages: Record<string, {resolved?: string, dependencies?: unknown, devDependencies?: unknown}>};
	t.deepEqual(lock.packages['']!.dependencies, manifest['dependencies']);
	t.deepEqual(lock.packages['']!.devDependencies, manifest['devDependencies']);
	// a lock file that points elsewhere works on one machine only
	t.deepEqual(Object.entries(lock.packages).filter(([, {resolved}]) => resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/')), []);
});
