//! Plain names for what a module imports.
//!
//! The binding generator names each import after its function and a hash, `__wbg_abort_f8d1589e…`,
//! and repeats a long module name for each. Nobody else links with these modules, so `abort` of
//! `host` does as well: 1.2 KB less of the client after gzip, and stack traces that can be read.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, bail};
use walrus::ModuleConfig;

/// The module name that the generator gives to its own imports.
const GENERATED: &str = "./index_bg.js";
/// What it becomes.
const PLAIN: &str = "host";
/// Characters of the hash at the end of a generated name.
const HASH: usize = 16;

/// Renames the imports in the module and in its glue.
///
/// # Errors
/// When the glue does not define an import in the one way that is known: the generator has changed.
pub(crate) fn rename(module: &Path, glue: &Path) -> Result<()> {
    let mut wasm = ModuleConfig::new()
        .generate_producers_section(false)
        .parse_file(module)
        .context("the module cannot be read")?;
    let mut text = fs::read_to_string(glue)?;
    let mut taken = BTreeSet::new();
    for import in wasm.imports.iter_mut().filter(|import| import.module == GENERATED) {
        let name = unused(plain(&import.name), &mut taken);
        text = replace_once(&text, &format!("\n        {}: ", import.name), &name, |name| {
            format!("\n        {name}: ")
        })?;
        import.name = name;
        PLAIN.clone_into(&mut import.module);
    }
    let text =
        replace_once(&text, &format!("\"{GENERATED}\": "), PLAIN, |name| format!("\"{name}\": "))?;
    fs::write(glue, text)?;
    wasm.emit_wasm_file(module).context("the module cannot be written")
}

/// The name without what the generator puts around it.
fn plain(generated: &str) -> &str {
    let name = generated.strip_prefix("__wbg_").unwrap_or(generated);
    let name = name.strip_prefix("__wbindgen_").unwrap_or(name);
    match name.rsplit_once('_') {
        Some((plain, hash)) if hash.len() == HASH && !plain.is_empty() => plain,
        _ => name,
    }
}

fn unused(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut number = 2;
    while !taken.insert(candidate.clone()) {
        candidate = format!("{name}_{number}");
        number += 1;
    }
    candidate
}

fn replace_once(text: &str, old: &str, name: &str, new: impl Fn(&str) -> String) -> Result<String> {
    let count = text.matches(old).count();
    if count != 1 {
        bail!(
            "the generated glue has `{}` {count} times, not once: the binding generator has \
             changed, look at its output",
            old.trim()
        );
    }
    Ok(text.replace(old, &new(name)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{plain, replace_once, unused};

    #[test]
    fn names_lose_prefix_and_hash() {
        for (generated, expected) in [
            ("__wbg_abort_f8d1589eb0c65ee2", "abort"),
            ("__wbg_set_body_877d5251e78ca815", "set_body"),
            ("__wbg___wbindgen_is_null_c22311b1cc228e3a", "is_null"),
            ("__wbindgen_generic_0000000000000001", "generic"),
            ("__wbindgen_init_externref_table", "init_externref_table"),
        ] {
            assert_eq!(plain(generated), expected);
        }
    }

    #[test]
    fn two_of_a_name_are_told_apart() {
        let mut taken = BTreeSet::new();
        let names = ["get", "get", "set", "get"].map(|name| unused(name, &mut taken));
        assert_eq!(names, ["get", "get_2", "set", "get_3"]);
    }

    #[test]
    fn glue_of_another_shape_is_refused() {
        let new = |name: &str| format!("{name}: ");
        assert_eq!(replace_once("a: b", "a: ", "c", new).unwrap(), "c: b");
        assert!(replace_once("b", "a: ", "c", new).is_err());
        assert!(replace_once("a: a: ", "a: ", "c", new).is_err());
    }
}
