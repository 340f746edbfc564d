//! `--name value` arguments of a job, checked: an unknown one is a mistake, never ignored.

use anyhow::{Result, bail};

/// A job's arguments, by name.
pub(crate) struct Arguments {
    values: Vec<(String, String)>,
}

impl Arguments {
    /// Reads `--name value` pairs whose names are in `known`.
    ///
    /// # Errors
    /// On anything else, and on a name given twice.
    pub(crate) fn parse(arguments: &[String], known: &[&str]) -> Result<Self> {
        let mut values: Vec<(String, String)> = Vec::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let Some(name) = argument.strip_prefix("--").filter(|name| known.contains(name)) else {
                let names: Vec<_> = known.iter().map(|name| format!("--{name}")).collect();
                let known = names.join(", ");
                let known = if known.is_empty() { "nothing but --help" } else { &known };
                bail!("`{argument}` is not understood here; known: {known}");
            };
            let Some(value) = rest.next() else { bail!("--{name} needs a value") };
            if values.iter().any(|(other, _)| other == name) {
                bail!("--{name} is given twice");
            }
            values.push((name.to_owned(), value.clone()));
        }
        Ok(Self { values })
    }

    /// The value given for `name`; nothing when it was not given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;

    fn parse(text: &str) -> anyhow::Result<Arguments> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&words, &["env", "id"])
    }

    #[test]
    fn known_names_are_found() {
        let arguments = parse("--env live").unwrap();
        assert_eq!(arguments.get("env"), Some("live"));
        assert_eq!(arguments.get("id"), None);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["--other x", "env live", "--env", "--env live --env test"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
