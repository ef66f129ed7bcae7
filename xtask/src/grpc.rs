//! A Python that speaks gRPC, for the example of the video site: a client of another make than ours.

use std::path::PathBuf;

use anyhow::Result;

use crate::debian::PYTHON;
use crate::place::Place;
use crate::program::Program;

/// What the example needs, pinned.
const REQUIREMENTS: &str = "examples/video-site/requirements.txt";

/// The interpreter with the packages.
pub(crate) fn python(place: &Place) -> PathBuf {
    place.venv("grpc").join("bin/python")
}

/// Whether it has what the example needs.
pub(crate) fn is_there(place: &Place) -> bool {
    let imports = "import importlib.metadata as m, pathlib, sys, grpc, grpc_tools\n\
                   for line in pathlib.Path(sys.argv[1]).read_text().split():\n\
                   \x20   name, version = line.split('==')\n\
                   \x20   assert m.version(name) == version";
    let requirements = place.root.join(REQUIREMENTS);
    let python = python(place);
    python.is_file()
        && Program::new(&python)
            .args(["-c".as_ref(), imports.as_ref(), requirements.as_os_str()])
            .quietly()
            .is_ok()
}

/// Makes the environment and installs what the example needs.
pub(crate) fn install(place: &Place) -> Result<()> {
    let environment = place.venv("grpc");
    Program::new(PYTHON).args(["-m".as_ref(), "venv".as_ref(), environment.as_os_str()]).quietly()?;
    let requirements = place.root.join(REQUIREMENTS);
    Program::new(python(place))
        .args(["-m", "pip", "install", "--quiet", "--only-binary=:all:", "--requirement"])
        .args([requirements])
        .quietly()
}
