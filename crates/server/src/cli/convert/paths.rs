//! Which input becomes which output, decided before anything is read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::super::failure::{Failure, Kind};
use super::super::input::Input;
use super::super::output::Output;
use super::super::target::Wishes;
use super::one::Work;

/// Pairs the arguments: the last is the output, a folder where there is more than one input.
pub(super) fn pair(paths: &[PathBuf], wishes: &Wishes) -> Result<Vec<Work>, Failure> {
    let Some((out, inputs)) = paths.split_last() else {
        return Err(Failure::usage("name an input and an output"));
    };
    let inputs: Vec<Input> = inputs.iter().map(|path| Input::named(path)).collect();
    if is_folder(out) {
        return into_folder(inputs, out, wishes);
    }
    match <[Input; 1]>::try_from(inputs) {
        Ok([input]) => {
            let output = Output::named(out);
            let name = if output == Output::Stdout { None } else { Some(out.as_path()) };
            Ok(vec![Work { input, target: wishes.target(name)?, output }])
        }
        Err(inputs) => Err(Failure::usage(format!(
            "{} inputs need a folder as output, and {} is none: create it, or end its name with /",
            inputs.len(),
            out.display()
        ))),
    }
}

fn is_folder(out: &Path) -> bool {
    out.is_dir() || out.as_os_str().as_encoded_bytes().ends_with(b"/")
}

fn into_folder(inputs: Vec<Input>, folder: &Path, wishes: &Wishes) -> Result<Vec<Work>, Failure> {
    let target = wishes.target(None)?;
    let mut taken: HashMap<PathBuf, String> = HashMap::new();
    let mut jobs = Vec::new();
    for input in inputs {
        let Input::File(path) = &input else {
            return Err(Failure::usage(
                "standard input has no name to take into a folder: name a file as output",
            ));
        };
        let stem = path.file_stem().unwrap_or(path.as_os_str());
        let mut name = stem.to_owned();
        name.push(".");
        name.push(target.format.extension());
        let out = folder.join(name);
        if let Some(other) = taken.insert(out.clone(), input.name()) {
            return Err(Failure::usage(format!(
                "{other} and {} would both become {}: convert them one by one",
                input.name(),
                out.display()
            )));
        }
        jobs.push(Work { input, output: Output::File(out), target: target.clone() });
    }
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::new(Kind::Output, format!("cannot make the folder {}: {error}", folder.display()))
    })?;
    Ok(jobs)
}
