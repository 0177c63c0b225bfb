"""Test that every command in a message is run by a lab test as it is printed, in the situation that prints it."""

from __future__ import annotations

import pytest

from tests.support.advice import QUOTED, pasting_tests, printed_commands

PASTED = {
    ("cli/job_file.py", "chmod o-w …"): "test_jobs.py::test_a_file_that_anyone_can_write_to_is_refused",
    ("hosts/ssh.py", "ssh -p … …"): "test_ssh.py::test_connection_refused",
    ("hosts/ssh.py", "ssh …"): "test_ssh.py::test_wrong_key",
    ("hosts/ssh.py", "ssh-copy-id …"): "test_ssh.py::test_key_is_installed_by_the_command_of_the_message",
    ("hosts/ssh_config.py", "ssh -G …"): "test_ssh.py::test_broken_ssh_configuration_is_shown",
    ("hosts/ssh_keys.py", "cat /etc/ssh/ssh_host_*_key.pub | ssh-keygen -lf -"): (
        "test_ssh.py::test_unknown_host_key_is_refused_with_the_line_that_adds_it"
    ),
    ("hosts/ssh_keys.py", "ssh-keyscan -p … … >> …"): (
        "test_ssh.py::test_unknown_host_key_is_refused_with_the_line_that_adds_it"
    ),
    ("hosts/ssh_keys.py", "ssh-keygen -R … -f …"): (
        "test_ssh.py::test_changed_host_key_is_refused_with_the_line_to_renew_it"
    ),
    ("plan/aside.py", "zfs rename … ……"): (
        "test_conflicts.py::test_conflict_target_with_data_of_its_own_and_no_snapshot"
    ),
    ("plan/aside.py", "zfs set …=on …"): "test_parents.py::test_an_empty_parent_without_our_mark_is_marked_by_hand",
    ("plan/clocks.py", "date -u"): "test_clocks.py::test_a_source_with_another_clock_expires_nothing",
    ("plan/clocks.py", "zfs snapshot -r …"): "test_clocks.py::test_a_clock_that_is_months_ahead_expires_nothing",
    ("plan/conflicts.py", "zfs promote …"): (
        "test_conflicts.py::test_conflict_of_a_promoted_clone_takes_the_snapshots_back"
    ),
    ("plan/conflicts.py", "zfs rename … …"): "test_conflicts.py::test_conflict_coming_name_is_taken",
    ("plan/divergence.py", "zfs rollback ……"): "test_conflicts.py::test_conflict_target_changed_and_snapshotted",
    ("plan/encryption.py", "zfs change-key -o keyformat=passphrase -o keylocation=prompt …"): (
        "test_encryption.py::test_copy_that_inherits_a_foreign_key_is_kept_readable"
    ),
    ("plan/encryption.py", "zfs load-key …"): ("test_encryption.py::test_locked_target_names_the_key_that_it_needs"),
    ("plan/leftovers.py", "zfs_replicate release -h -t"): (
        "test_release.py::test_leftover_holds_go_by_the_commands_that_status_prints"
    ),
    ("plan/leftovers.py", "zfs_replicate release --target -t  -l"): (
        "test_release.py::test_leftover_holds_go_by_the_commands_that_status_prints"
    ),
    ("plan/placing.py", "zfs change-key -o keyformat=passphrase -o keylocation=prompt …"): (
        "test_placing.py::test_a_child_with_the_key_of_the_vault_gets_its_own"
    ),
    ("plan/placing.py", "zfs load-key …"): "test_placing.py::test_a_child_with_the_key_of_the_vault_gets_its_own",
    ("plan/placing.py", "zfs rename … …"): "test_placing.py::test_a_foreign_dataset_beside_a_placeholder_is_kept",
    ("plan/planner.py", "zfs snapshot -r …"): "test_advice.py::test_source_without_snapshots_gets_one",
    ("plan/unplaced.py", "zfs rename … …"): (
        "test_placing_again.py::test_unknown_datasets_beside_a_place_are_reported"
    ),
    ("plan/pools.py", "zpool export … && zpool import …"): "test_pools.py::test_a_read_only_pool_is_imported_again",
    ("plan/pools.py", "zpool set feature@extensible_dataset=enabled …"): (
        "test_pools.py::test_an_old_target_receives_without_saving_state"
    ),
    ("plan/source_holds.py", "zfs release … …"): (
        "test_one_tag.py::test_a_hold_of_unknown_origin_goes_by_the_printed_command"
    ),
    ("run/inventory.py", "zfs list -r …"): "test_advice.py::test_list_that_prints_nothing_can_be_looked_at",
    ("run/mounts.py", "zfs unmount …"): "test_placing_again.py::test_a_busy_placeholder_is_left_before_anything_moves",
    ("run/parents.py", "zfs load-key …"): "test_parents.py::test_parents_in_a_locked_vault",
    ("zfs/known_messages.py", "mount | grep -F …"): "test_advice.py::test_mounted_placeholder_shows_where",
    ("zfs/known_messages.py", r"zfs list -Ht snapshot -o name -r … | xargs -rd '\n' zfs holds"): (
        "test_advice.py::test_holds_placed_meanwhile_show_by_whom"
    ),
    ("zfs/known_messages.py", "zfs list -Ht snapshot -o name,clones …"): (
        "test_advice.py::test_clones_made_meanwhile_are_shown"
    ),
    ("zfs/known_messages.py", "zfs list -o space -r …"): "test_advice.py::test_full_pool_shows_what_takes_the_space",
    ("zfs/known_messages.py", 'zfs load-key "$(zfs get -H -o value encryptionroot …)"'): (
        "test_advice.py::test_target_below_a_locked_dataset_names_its_key"
    ),
    ("zfs/known_messages.py", "zfs receive -A …"): "test_advice.py::test_state_of_another_receive_is_cleared",
    ("zfs/known_messages.py", "zpool export … && zpool import …"): (
        "test_pools.py::test_a_read_only_pool_is_imported_again"
    ),
    ("zfs/known_messages.py", "zpool import …"): "test_advice.py::test_pool_that_is_not_imported_is_imported",
    ("zfs/known_messages.py", "zpool status …"): "test_advice.py::test_unknown_failure_shows_the_pool",
    ("zfs/known_messages.py", "zpool upgrade …"): "test_advice.py::test_target_pool_without_encryption_is_upgraded",
    ("zfs/limits.py", "zfs list -o space -r …"): "test_advice.py::test_full_pool_shows_what_takes_the_space",
    ("zfs/limits.py", "zfs set quota=…M …"): (
        "test_streams.py::test_full_target_is_reported_and_recovers_with_more_space"
    ),
    ("zfs/limits.py", "zfs set …_limit=none …"): "test_gate.py::test_limits_of_numbers_are_named_and_room_is_made",
    ("zfs/rights.py", "zfs allow USER … …"): ("test_gate.py::test_missing_rights_are_those_of_the_side_that_refused"),
}
"""The lab test that pastes each command, by the module that prints it."""

NOT_RUN = {
    ("plan/planner.py", "apt install mbuffer"): "the lab has no network",
    ("run/context.py", "apt install mbuffer"): "the lab has no network",
    ("cli/main.py", "zfs_replicate --help"): "tests/unit/cli/test_main.py shows the help",
    ("cli/options.py", "ssh for large streams where it is installed"): "a sentence",
    ("output/failure.py", "make install"): "tests/packaging/test_install.py runs it",
    ("output/failure.py", "pipx install ."): "the lab has no network; tests/packaging/test_install.py installs by pip",
    ("run/inventory.py", "zfs list printed nothing"): "a sentence",
}
"""Why no lab test runs it."""


def test_every_printed_command_is_run_as_printed() -> None:
    assert printed_commands() == PASTED.keys() | NOT_RUN.keys()
    assert PASTED.keys().isdisjoint(NOT_RUN)


@pytest.mark.parametrize(("command", "test"), [(entry[1], test) for entry, test in PASTED.items()])
def test_the_lab_test_named_for_a_command_pastes_it(command: str, test: str) -> None:
    fixed = command.partition("…")[0].strip()
    beginnings = pasting_tests()[test]
    assert any(beginning.startswith(fixed) or fixed.startswith(beginning) for beginning in beginnings)


def test_no_command_stands_in_quotes() -> None:
    """It could not have a quoted name in it. `ssh -G` is what the program itself has run."""
    assert printed_commands(QUOTED) == {("hosts/ssh_config.py", "'ssh -G'")}
