import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {decisions, type Decision} from '../include/linux/decisions.ts';
import {inRoot} from './lib/tool.ts';

// Holds the code to the project's style, as far as a machine can. An exemption has a reason and must be needed.

const FOLDERS = ['arch', 'include', 'kernel', 'mm', 'test', 'tools'];

function below(folder: string): string[] {
	return readdirSync(inRoot(folder), {recursive: true, encoding: 'utf8'}).filter(name => name.endsWith('.ts')).map(name => path.posix.join(folder, name)).sort();
}

const sources = [...FOLDERS.flatMap(below), 'index.ts'];

function inFolders(...folders: readonly string[]): string[] {
	return sources.filter(name => folders.some(folder => name.startsWith(`${folder}/`)));
}

function textOf(name: string): string {
	return readFileSync(inRoot(name), 'utf8');
}

// A scanner that knows comments, strings, templates and regular expressions of TypeScript

interface Piece {
	readonly kind: 'code' | 'comment' | 'string' | 'template' | 'pattern';
	readonly text: string;
}

/** A slash behind one of these begins a regular expression; behind anything else it divides. */
const BEFORE_PATTERN = /(?:^|[(,=:[!&|?{};+]|=>|\breturn|\bof|\bcase)\s*$/;

/** Cuts a source into pieces, which together are the whole of it. */
function pieces(source: string): Piece[] {
	const found: Piece[] = [];
	let code = '', at = 0;
	const take = (kind: Piece['kind'], pattern: RegExp): boolean => {
		pattern.lastIndex = at;
		const text = pattern.exec(source)?.[0];
		if (text === undefined) return false;
		found.push({kind: 'code', text: code}, {kind, text});
		code = '';
		at += text.length;
		return true;
	};
	/** Templates that are open, by how deep the braces inside their `${` are. */
	const depths: number[] = [];
	while (at < source.length) {
		const [first, second] = [source[at]!, source[at + 1]];
		if (first === '/' && second === '/' && take('comment', /\/\/.*/y)) continue;
		if (first === '/' && second === '*' && take('comment', /\/\*[\s\S]*?\*\//y)) continue;
		if (first === '/' && BEFORE_PATTERN.test(code) && take('pattern', /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/\w*/y)) continue;
		if ((first === '\'' || first === '"') && take('string', /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/y)) continue;
		const closesHole = first === '}' && depths.at(-1) === 0;
		if (first === '`' || closesHole) {
			if (closesHole) depths.pop();
			if (!take('template', /[`}](?:\\[\s\S]|\$(?!\{)|[^\\`$])*(?:`|\$\{)/y)) throw new Error(`a template without end: ${source.slice(at, at + 40)}`);
			if (found.at(-1)!.text.endsWith('${')) depths.push(0);
			continue;
		}
		if (depths.length > 0 && first === '{') depths[depths.length - 1]!++;
		if (depths.length > 0 && first === '}') depths[depths.length - 1]!--;
		code += first;
		at++;
	}
	return [...found, {kind: 'code', text: code}];
}

/** Only the line ends of a text, so that what follows keeps its line. */
function emptied(text: string): string {
	return text.replace(/[^\n]/g, '');
}

/** A source without its comments; strings stay. */
function codeOf(name: string): string {
	return pieces(textOf(name)).map(({kind, text}) => (kind === 'comment' ? emptied(text) : text)).join('');
}

/** A source without its comments, and without what is in strings, templates and regular expressions. */
function bareCodeOf(name: string): string {
	return pieces(textOf(name)).map(({kind, text}) => {
		if (kind === 'comment') return emptied(text);
		return kind === 'code' ? text : `''${emptied(text)}`;
	}).join('');
}

test('the scanner tells code from comments, strings, templates and regular expressions', t => {
	const source = 'a /* b */ = \'//c\'; // d\ne(/[/"]\\/*/g, `f ${g(`h ${i}`, {j: 1})} // k`) / 2 / l;\nreturn /m/;';
	t.is(pieces(source).map(({text}) => text).join(''), source);
	const of = (...kinds: readonly Piece['kind'][]) => pieces(source).filter(({kind}) => kinds.includes(kind)).map(({text}) => text);
	t.deepEqual(of('comment'), ['/* b */', '// d']);
	t.deepEqual(of('string'), ['\'//c\'']);
	t.deepEqual(of('pattern'), ['/[/"]\\/*/g', '/m/']);
	t.deepEqual(of('template'), ['`f ${', '`h ${', '}`', '} // k`']);
	t.is(of('code').join('|').replace(/\|+/g, '|'), 'a | = |; |\ne(|, |g(|i|, {j: 1})|) / 2 / l;\nreturn |;');
});

test('the scanner reads every source to its end', t => {
	for (const name of sources) {
		t.is(pieces(textOf(name)).map(({text}) => text).join(''), textOf(name), name);
		// what is left balances, so no string was taken for code or code for a string
		const bare = bareCodeOf(name), count = (character: string) => bare.split(character).length;
		t.deepEqual([count('('), count('['), count('{')], [count(')'), count(']'), count('}')], name);
	}
});

/** Where in a file and what, for messages. */
interface Finding {
	readonly name: string;
	readonly line: number;
	readonly text: string;
}

function find(names: readonly string[], read: (name: string) => string, pattern: RegExp): Finding[] {
	return names.flatMap(name => read(name).split('\n').flatMap((text, i) => (pattern.test(text) ? [{name, line: i + 1, text: text.trim()}] : [])));
}

/** Nothing was found but in files that are exempt, and those need it. */
function onlyIn(t: ExecutionContext, findings: readonly Finding[], exempt: Readonly<Record<string, string>> = {}): void {
	t.deepEqual(findings.filter(({name}) => !Object.hasOwn(exempt, name)), []);
	t.deepEqual(Object.keys(exempt).filter(name => !findings.some(finding => finding.name === name)), [], 'exempt for nothing');
}

// Differences between postings

/** How we know a decision, by posting: data about the postings, and no behaviour. */
const LETTERS = /\{'2013-05': (?:'[LPKI]'|null), '2014-10': (?:'[LPKI]'|null)\}/g;

test('only include/linux/revision.ts names a posting in the code of the kernel', t => {
	const findings = find(inFolders('arch', 'include', 'kernel', 'mm'), name => codeOf(name).replace(LETTERS, ''), /2013-05|2014-10|uffdio-move/);
	onlyIn(t, findings, {
		'include/linux/revision.ts': 'the table of behaviours by posting',
		'include/linux/abi.ts': 'the list of all postings, with the base kernel of each',
		'include/linux/userfault.ts': 'which postings tell the numbers of the flag and the bit',
		'arch/x86/patch.ts': 'the rows that each posting adds to the two .tbl files',
	});
});

test('no code of the kernel compares the revision with anything', t => {
	onlyIn(t, find(inFolders('arch', 'include', 'kernel', 'mm'), bareCodeOf, /\brevision\b\s*[!=]==?|[!=]==?\s*[\w.]*\brevision\b(?! ?===? undefined)/));
});

// Where rows run

test('no BigInt where rows run', t => {
	onlyIn(t, find(inFolders('arch', 'include', 'kernel', 'mm'), bareCodeOf, /\bBigInt\w*\b|\b\d[\w]*n\b/), {
		'kernel/observe.ts': 'writes a token above 2^31 as text, for a message, a dump or --fill',
		'kernel/kernel.ts': 'tokens and arguments of the library are bigints; no row of a trace comes by here',
	});
});

test('no address loses its upper bits in a mask or a shift', t => {
	onlyIn(t, find(inFolders('arch', 'include', 'kernel', 'mm', 'tools'), bareCodeOf, /& ~?PAGE_MASK|>>>? (?:12|PAGE_SHIFT)\b/));
});

test('mm/ throws nothing itself: errors leave as the kernel\'s do, and the rest goes through bug.ts', t => {
	onlyIn(t, find(inFolders('mm'), bareCodeOf, /\bthrow\b|\btry\b|\bcatch\b/));
});

// TypeScript

test('no any', t => {
	onlyIn(t, find(sources, bareCodeOf, /\bany\b/));
});

test('no error of the compiler or of a linter is silenced', t => {
	onlyIn(t, find(sources.filter(name => !name.startsWith('test/')), textOf, /@ts-(?:ignore|expect-error|nocheck)|eslint-disable|c8 ignore/));
});

test('relative imports end in .ts, and nothing is imported by a path from elsewhere', t => {
	const imports = sources.flatMap(name => [...codeOf(name).matchAll(/^(?:import (?:[^;'`]*\bfrom )?|export [^;'`]*\bfrom )'([^']+)';$|\bimport\('([^']+)'\)/gm)].map(([, from, dynamic]) => ({name, from: from ?? dynamic!})));
	t.true(imports.length > 100);
	t.deepEqual(imports.filter(({from}) => (from.startsWith('.') ? !from.endsWith('.ts') : !/^(?:node:[\w/]+|@?[a-z][\w-]*(?:\/[\w-]+)*)$/.test(from))), []);
});

test('the kernel\'s code imports no package and no tool, and only tools/lib/cli.ts meets the process', t => {
	const kernel = inFolders('arch', 'include', 'kernel', 'mm');
	onlyIn(t, find(kernel, codeOf, /\bfrom '(?!\.)|\bfrom '[./]*\/tools\//));
	onlyIn(t, find([...kernel, ...inFolders('tools')], bareCodeOf, /(?<![.\w])(?:process|console)\b\./), {
		'tools/lib/cli.ts': 'run() is where a tool meets the process',
		'tools/bench.ts': 'the benchmark is a program for developers, which starts its own processes',
	});
});

test('sources are indented by tabs, and no line ends in a space', t => {
	onlyIn(t, find(sources, bareCodeOf, /^\t* +\S/).filter(({text}) => text !== ''));
	onlyIn(t, find(sources, textOf, /\s$/));
});

test('each source ends with one line end', t => {
	t.deepEqual(sources.filter(name => !/[^\n]\n$/.test(textOf(name))), []);
});

// Documentation

interface Documented {
	readonly name: string;
	readonly doc: string | null;
	/** Lines of the body. */
	readonly lines: number;
}

/** The exported functions of a file, each with the comment in front of it. */
function exportedFunctions(file: string): Documented[] {
	const text = textOf(file);
	return [...text.matchAll(/^export (?:async )?function\*? (\w+)/gm)].map(({index, 1: name}) => {
		const doc = /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n$/.exec(text.slice(0, index))?.[0] ?? null, end = text.indexOf('\n}', index);
		return {name: name!, doc, lines: text.slice(index, end).split('\n').length - 1};
	});
}

const ACCESSOR = 'an accessor with the kernel\'s name, which does what it does there';
const LOCK = 'a lock with the kernel\'s name; the head of the file says what is kept of locks';
const UNDOCUMENTED: Readonly<Record<string, string>> = {
	'include/asm-generic/pgtable.ts: set_pte_at': ACCESSOR,
	'include/asm-generic/pgtable.ts: pte_clear': ACCESSOR,
	'include/asm-generic/pgtable.ts: pud_offset': ACCESSOR,
	'include/asm-generic/pgtable.ts: pmd_offset': ACCESSOR,
	'include/linux/lockdep.ts: down_write': LOCK,
	'include/linux/lockdep.ts: down_write_nested': LOCK,
	'include/linux/lockdep.ts: up_write': LOCK,
	'include/linux/mm.ts: vma_set_flags': 'the setter behind vma_flags()',
	'kernel/fork.ts: addTask': 'its name says it all',
	'tools/lib/source.ts: fileSource': 'its name and type say it all',
};

test('exported functions have docstrings, but for those of one line, whose name says it all', t => {
	const undocumented = sources.filter(name => !name.startsWith('test/')).flatMap(file => exportedFunctions(file).filter(({doc, lines}) => doc === null && lines > 1).map(({name}) => `${file}: ${name}`));
	t.deepEqual(undocumented.filter(name => !Object.hasOwn(UNDOCUMENTED, name)), []);
	t.deepEqual(Object.keys(UNDOCUMENTED).filter(name => !undocumented.includes(name)), [], 'exempt for nothing');
});

/** `file.c:function()`, one or several, and how we know. */
const SOURCE = /^[\w/.-]+\.[chS]:\w+\(\)(?:[,;] (?:[\w/.-]+\.[chS]:)?\w+\(\))*.* - (?:[\w-]+: )?[LPKI]\b/;

test('each @source is file.c:function() with a letter', t => {
	const found = inFolders('arch', 'include', 'kernel', 'mm').flatMap(name => [...textOf(name).matchAll(/@source (.*?)(?: \*\/| @model.*)?$/gm)].map(([, source]) => ({name, source: source!})));
	t.true(found.length > 100);
	t.deepEqual(found.filter(({source}) => !SOURCE.test(source)), []);
});

test('a docstring of the kernel\'s functions says @model and @source once at most, and @source first', t => {
	const wrong = inFolders('arch', 'include', 'kernel', 'mm').flatMap(name => [...textOf(name).matchAll(/\/\*\*(?:(?!\*\/)[\s\S])*\*\//g)].map(([doc]) => ({name, doc})))
		.filter(({doc}) => doc.split('@source').length > 2 || doc.split('@model').length > 2 || (doc.includes('@model') && doc.indexOf('@source') > doc.indexOf('@model')));
	t.deepEqual(wrong, []);
});

test('each decision has a sentence, a source that is file.c:function(), and a letter', t => {
	for (const [name, {why, source, letter}] of Object.entries(decisions) as [string, Decision][]) {
		t.regex(name, /^[a-z]+(?:_[a-z0-9]+)+$/);
		t.regex(why, /^[^.]+[^.\s]$/, name);
		t.regex(source, /^[\w/.-]+\.[chS]:\w+\(\)$/, name);
		t.true(typeof letter === 'string' || Object.values(letter).some(each => each !== null), name);
	}
});

// The project

/** Folders of one machine or one user. */
const MACHINE_PATH = /(?<![\w.~-])\/(?:work|home|root|tmp|mnt|Users|private)\/|\b[A-Z]:\\/;

test('no file mentions a path of somebody\'s machine', t => {
	const others = ['README.md', 'package.json', 'package-lock.json', 'tsconfig.json', '.gitignore', '.ci/run'];
	const documents = readdirSync(inRoot('docs'), {recursive: true, encoding: 'utf8'}).filter(name => /\.\w+$/.test(name)).map(name => path.posix.join('docs', name));
	const traces = readdirSync(inRoot('traces'), {recursive: true, encoding: 'utf8'}).filter(name => /\.(?:csv|md)$/.test(name)).map(name => path.posix.join('traces', name));
	onlyIn(t, find([...sources, ...others, ...documents, ...traces], textOf, MACHINE_PATH));
});

test('the packages are the few that have earned their place', t => {
	const {dependencies, devDependencies} = JSON.parse(textOf('package.json')) as Record<string, Record<string, string>>;
	t.deepEqual(Object.keys(dependencies!).sort(), ['csv-parse', 'yargs']);
	t.deepEqual(Object.keys(devDependencies!).sort(), ['@types/node', '@types/yargs', 'ava', 'c8', 'typescript']);
});

test('each source file of mm/, kernel/ and tools/ is in the folder that the map of the project gives it', t => {
	const known = /^(?:arch\/(?:\w+\/)?\w+|include\/(?:linux|asm-generic)\/[\w-]+|kernel\/\w+|mm\/\w+|tools\/(?:lib\/(?:formats\/)?)?\w+|test\/.+|index)\.ts$/;
	t.deepEqual(sources.filter(name => !known.test(name)), []);
});
