/**
 * The names of a cell that failed. tslab forgets all of them; here those that received a value stay, as in IPython, and
 * those that did not keep what an earlier cell gave them.
 */
import { type TypeScript, ts } from './compiler';

/** Names of values that a cell declares for later ones. */
export function declaredNames(source: string): Set<string> {
  const file = ts.createSourceFile('cell.ts', source, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const names = new Set<string>();
  const bind = (name: TypeScript.BindingName): void => {
    if (ts.isIdentifier(name)) names.add(name.text);
    else for (const element of name.elements) if (ts.isBindingElement(element)) bind(element.name);
  };
  for (const statement of file.statements) {
    if (ts.isVariableStatement(statement)) for (const { name } of statement.declarationList.declarations) bind(name);
    else for (const name of namesOf(statement)) names.add(name);
  }
  return names;
}

/** Names of a statement other than that of variables; types have none, as they are never without a value. */
function namesOf(statement: TypeScript.Statement): string[] {
  if (ts.isImportDeclaration(statement)) return importedNames(statement);
  const named =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isEnumDeclaration(statement) ||
    ts.isModuleDeclaration(statement);
  return named && statement.name ? [statement.name.text] : [];
}

function importedNames({ importClause: clause }: TypeScript.ImportDeclaration): string[] {
  if (!clause || clause.isTypeOnly) return [];
  const bindings = clause.namedBindings;
  const named = !bindings
    ? []
    : ts.isNamespaceImport(bindings)
      ? [bindings.name]
      : bindings.elements.filter(({ isTypeOnly }) => !isTypeOnly).map(({ name }) => name);
  return [...(clause.name ? [clause.name] : []), ...named].map(({ text }) => text);
}

/** Statements of a declaration text whose names `keep` wants; a statement of several names is cut down to them. */
export function keptDeclarations(declarations: string, keep: (name: string) => boolean): string {
  const file = ts.createSourceFile('prev.d.ts', declarations, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
  const printer = ts.createPrinter({ newLine: ts.NewLineKind.LineFeed });
  const pieces: string[] = [];
  for (const statement of file.statements) {
    if (ts.isVariableStatement(statement)) {
      const list = statement.declarationList;
      const kept = list.declarations.filter(({ name }) => !ts.isIdentifier(name) || keep(name.text));
      if (kept.length === 0) continue;
      const shorter = ts.factory.createVariableStatement(
        statement.modifiers,
        ts.factory.createVariableDeclarationList(kept, list.flags),
      );
      pieces.push(printer.printNode(ts.EmitHint.Unspecified, shorter, file));
    } else if (keeps(namesOf(statement), keep)) pieces.push(statement.getFullText(file).trim());
  }
  return pieces.map((piece) => `${piece}\n`).join('');
}

/** An import of several names stays for one of them; what has no name of a value is asked for as ''. */
const keeps = (names: readonly string[], keep: (name: string) => boolean): boolean =>
  names.length === 0 ? keep('') : names.some(keep);
