/** Validation of requests: "5" may stand for 5 where everything is text, in queries; in a body null must not be read as 0. */
import AjvCompiler from '@fastify/ajv-compiler';

type BuildValidator = AjvCompiler.BuildCompilerFromPool;
type Compile = ReturnType<BuildValidator>;

const build = AjvCompiler();

/** Fastify hands the whole route to what its types call a schema. */
export const buildValidator: BuildValidator = (schemas, options = {}) => {
  const compilers = new Map<boolean, Compile>();
  const compilerFor = (isText: boolean): Compile => {
    const customOptions = { ...options.customOptions, coerceTypes: isText ? ('array' as const) : false };
    const compiler = compilers.get(isText) ?? build(schemas, { ...options, customOptions } as typeof options);
    compilers.set(isText, compiler);
    return compiler;
  };
  return (route) => compilerFor((route as { httpPart?: string }).httpPart !== 'body')(route);
};
