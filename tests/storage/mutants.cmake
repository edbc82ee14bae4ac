# Broken stores that the sweep has to catch: each is one source of storage/ with one piece of text replaced, so that
# the product itself carries no hooks. A text that is no longer there stops the configuration: mend it here.
#
#   storage_mutant(NAME FILE "text" "replacement")
function(storage_mutant name file from to)
  set(source ${PROJECT_SOURCE_DIR}/storage/${file})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  file(READ ${source} text)
  string(FIND "${text}" "${from}" found)
  if(found EQUAL -1)
    message(FATAL_ERROR "mutant ${name}: its text is not in storage/${file} any more")
  endif()
  string(REPLACE "${from}" "${to}" text "${text}")
  set(mutated ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}.cc)
  file(CONFIGURE OUTPUT ${mutated} CONTENT "${text}" @ONLY)  # written only when it differs
  # The mutated object comes before the archive, whose own one is then never pulled.
  add_executable(storage_mutant_${name} mutant_main.cc ${mutated})
  target_link_libraries(storage_mutant_${name} PRIVATE roost_storage_sweep)
  set_source_files_properties(${mutated} PROPERTIES COMPILE_OPTIONS -Wno-error)
  add_test(NAME storage_mutant_${name}_is_killed COMMAND storage_mutant_${name})
endfunction()

storage_mutant(seal_before_verify store_trial.cc
  "  if (!verifying()) {"
  "  if (!verifying()) {\n    const State late = state_;\n    state_.slots[t.slot].state = SlotState::kPending;\n    (void)journal_.append(state_);\n    state_ = late;")
storage_mutant(wrong_digest_accepted store_trial.cc
  "if (!same) return Error::kDigestMismatch;" "")
storage_mutant(durable_before_read_back store_receive.cc
  "if (!status.ok() || read_back != crc) return Error::kReadBack"
  "if (!status.ok()) return Error::kReadBack")
storage_mutant(durable_not_recorded store_receive.cc
  "durable_chunks = closed;\n    status = commit();" "durable_chunks = closed;")
storage_mutant(attempt_not_recorded store_trial.cc
  "slot->attempts_made += 1;\n  slot->state = SlotState::kPending;\n  return commit()" "return Status()")
storage_mutant(journal_erased_before_snapshot journal.cc
  "if (newest_ == 0) {\n    status" "if (true) {\n    status")
storage_mutant(erased_record_skipped store_work.cc
  "  const Result<bool> done = meta_.flash.erase_slice(target);"
  "  bool blank = true;\n  for (uint32_t i = 0; i < meta_.layout.block_bytes; ++i) blank &= meta_.flash.mapped()[target + i] == meta_.layout.erased_value;\n  const Result<bool> done = blank ? Result<bool>(true) : meta_.flash.erase_slice(target);")
storage_mutant(record_crc_not_checked journal.cc
  "record_crc(volume_.layout, record) == kCrc32Residue" "true")
storage_mutant(tail_never_made_firm store.cc
  " || !journal_.firm()" "")
storage_mutant(resume_trusts_the_block_in_work store_receive.cc
  "t.erased_blocks = layout.meta_blocks + divide" "t.erased_blocks = layout.meta_blocks + 1 + divide")
storage_mutant(slot_cleared_before_it_is_recorded store_receive.cc
  "const Status status = commit(Phase::kOpen, s);" "const Status status;\n  transfer_ = {};\n  transfer_.phase = Phase::kOpen;\n  transfer_.slot = s;")
storage_mutant(confirmed_slot_is_taken store_receive.cc
  "(slot.state == SlotState::kConfirmed && slot.sound)) continue;"
  "false) continue;\n    if (slot.state == SlotState::kConfirmed) return s;")
