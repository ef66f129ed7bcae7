//! Makes Rust of the protos: servers for the library, clients for the tests. No protoc is needed.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message as _;

const PROTOS: [&str; 4] = ["healthcheck.proto", "s3image.proto", "s3video.proto", "user.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?);
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;

    let clients = out.join("clients");
    fs::create_dir_all(&clients)?;
    let builder = || tonic_prost_build::configure().bytes(".").build_transport(false);
    builder().build_client(false).out_dir(&out).compile_fds(descriptors.clone())?;
    builder().build_server(false).out_dir(clients).compile_fds(descriptors)?;
    Ok(())
}
