using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Recording;

namespace JitGrains.ClusterTests.Checking;

/// <summary>The checker finds what is planted, and nothing in a run that is as it should be.</summary>
public sealed class CheckerTests
{
    private readonly Run run = new();

    [Fact]
    public void Nothing_is_found_where_all_is_well()
    {
        run.Window("1", issued: 0, expires: 1000);
        run.Call("a", "1", sent: 10, arrives: 12);
        run.Counted("2", uses: 2, issued: 0, expires: 1000);
        run.Use("2", 20);
        run.Call("b", "2", sent: 19, arrives: 21);
        run.Revoke("1", sent: 30, answered: 40);
        run.Call("c", "1", sent: 35, arrives: 39);
        run.Allowed("3");
        run.Call("d", "3", sent: 50, arrives: 51);
        Assert.Empty(run.Check());
    }

    [Fact]
    public void A_start_after_the_revocations_answer()
    {
        run.Window("1", issued: 0, expires: 1000);
        run.Revoke("1", sent: 30, answered: 40);
        run.Call("a", "1", sent: 35, arrives: 41);
        Finds("starts", "had been answered 1 ms before");
    }

    [Fact]
    public void What_was_read_late_counts_from_the_earliest_it_can_have_come()
    {
        run.Window("1", issued: 0, expires: 1000);
        run.Revoke("1", sent: 30, answered: 40);
        run.ReadLate("a", "1", sent: 35, from: 38, at: 41);
        run.ReadLate("b", "1", sent: 35, from: null, at: 41);
        Assert.Empty(run.Check());
    }

    [Fact]
    public void A_start_after_the_answer_although_it_was_read_late()
    {
        run.Window("1", issued: 0, expires: 1000);
        run.Revoke("1", sent: 30, answered: 40);
        run.ReadLate("a", "1", sent: 35, from: 41, at: 45);
        Finds("starts", "had been answered 1 ms before");
    }

    [Fact]
    public void A_call_that_was_sent_after_the_answer_although_nobody_knows_when_it_came()
    {
        run.Window("1", issued: 0, expires: 1000);
        run.Revoke("1", sent: 30, answered: 40);
        run.ReadLate("a", "1", sent: 42, from: null, at: 45);
        Finds("starts", "had been answered 2 ms before");
    }

    [Fact]
    public void A_start_after_the_answer_of_a_revocation_of_the_principal()
    {
        run.Window("1", issued: 0, expires: 1000);
        run.Revoke("1", sent: 30, answered: 40, EndKind.Principal);
        run.Call("a", "1", sent: 35, arrives: 41);
        Finds("starts", "had been answered");
    }

    [Fact]
    public void A_start_after_expiry()
    {
        run.Window("1", issued: 0, expires: 1000);
        run.Call("a", "1", sent: 1000, arrives: 1251);
        Finds("starts", "had expired");
    }

    [Fact]
    public void A_start_before_the_grant()
    {
        run.Window("1", issued: 100, expires: 1000);
        run.Call("a", "1", sent: 90, arrives: 95);
        Finds("starts", "was issued 5 ms later");
    }

    [Fact]
    public void A_start_without_any_grant()
    {
        run.Subject("1", Gate.Window);
        run.Call("a", "1", sent: 90, arrives: 95);
        Finds("starts", "no grant is about it");
    }

    [Fact]
    public void A_start_under_the_grant_of_somebody_else()
    {
        run.Window("1", issued: 0, expires: 1000, holder: "dev:user:mallory");
        run.Call("a", "1", sent: 90, arrives: 95);
        Finds("starts", "no grant is about it");
    }

    [Fact]
    public void A_call_that_nobody_sent()
    {
        run.Window("1", issued: 0, expires: 1000);
        run.Arrive("nobody", "1", 50);
        Finds("starts", "nobody sent");
    }

    [Fact]
    public void A_call_of_somebody_who_is_blocked()
    {
        run.Allowed("1");
        run.Block(answered: 40);
        run.Call("a", "1", sent: 39, arrives: 41);
        Finds("starts", "was blocked");
    }

    [Fact]
    public void More_uses_than_granted()
    {
        run.Counted("1", uses: 1, issued: 0, expires: 1000);
        run.Use("1", 10);
        run.Call("a", "1", sent: 9, arrives: 11);
        run.Call("b", "1", sent: 9, arrives: 12);
        Finds("uses", "arrived 2 times, of 1 granted");
    }

    [Fact]
    public void An_attempt_that_was_sent_twice()
    {
        run.Counted("1", uses: 3, issued: 0, expires: 1000);
        run.Use("1", 10);
        run.Use("1", 10);
        run.Call("a", "1", sent: 9, arrives: 11);
        run.Arrive("a", "1", 12);
        Finds("uses", "attempt a");
    }

    [Fact]
    public void A_use_that_is_not_in_the_trail()
    {
        run.Counted("1", uses: 2, issued: 0, expires: 1000);
        run.Call("a", "1", sent: 9, arrives: 11);
        Finds("audit first", "with 0 uses on record");
    }

    [Fact]
    public void A_use_without_an_outcome()
    {
        run.Counted("1", uses: 2, issued: 0, expires: 1000);
        run.Use("1", 10, ends: false);
        Finds("outcomes", "has 0 outcomes");
    }

    [Fact]
    public void A_use_that_came_into_the_trail_later()
    {
        run.Counted("1", uses: 2, issued: 0, expires: 1000);
        run.Use("1", 12);
        run.Call("a", "1", sent: 9, arrives: 11);
        Finds("audit first", "number 1");
    }

    [Fact]
    public void Two_decisions()
    {
        run.Window("1", issued: 0, expires: 1000);
        run.Entry("request.denied", "1", 5);
        Finds("decided once", "request.approved, request.denied");
    }

    [Fact]
    public void Two_votes_of_one()
    {
        run.Entry("vote.cast", "1", 1, who: "dev:user:bob", what: "approve");
        run.Entry("vote.cast", "1", 2, who: "dev:user:bob", what: "deny");
        Finds("decided once", "counts 2 times");
    }

    [Fact]
    public void Two_statuses_read()
    {
        run.Window("1", issued: 0, expires: 1000);
        run.Entry("request.denied", "1", 3);
        run.Deeds.Add(new Seen("silo-1", Run.At(5), "rq_1", "approved") { Status = 200, AnsweredAt = Run.At(6) });
        run.Deeds.Add(new Seen("silo-1", Run.At(7), "rq_1", "denied") { Status = 200, AnsweredAt = Run.At(8) });
        Finds("decided once", "read as approved and denied");
    }

    [Fact]
    public void A_vote_that_was_lost()
    {
        run.Deeds.Add(new Voted("silo-1", Run.At(5), "rq_1", "dev:user:bob", "approve") { Status = 200, AnsweredAt = Run.At(6) });
        Finds("nothing acknowledged is lost", "dev:user:bob's vote");
    }

    [Fact]
    public void An_ask_that_was_lost()
    {
        run.Deeds.Add(new Asked("gateway-1", Run.At(5), "rq_1", run.Subject("1", Gate.Window)) { Status = 201, AnsweredAt = Run.At(6) });
        Finds("nothing acknowledged is lost", "request rq_1");
    }

    [Fact]
    public void A_revocation_that_was_lost()
    {
        run.Window("1", issued: 0, expires: 1000);
        run.Revoke("1", sent: 30, answered: 40, recorded: false);
        Finds("nothing acknowledged is lost", "gr_1 was ended");
    }

    [Fact]
    public void An_answer_that_the_upstream_never_gave()
    {
        run.Window("1", issued: 0, expires: 1000);
        run.Call("a", "1", sent: 10, arrives: null, status: 200);
        Finds("answers", "never arrived");
    }

    [Fact]
    public void A_stream_that_outlives_its_grant()
    {
        run.Window("1", issued: 0, expires: 100_000);
        run.Revoke("1", sent: 30, answered: 40);
        run.Stream("a", "1", sent: 10, over: 40 + 5001);
        Finds("streams", "went on for 5001 ms");
    }

    [Fact]
    public void A_trail_that_does_not_verify()
    {
        run.Deeds.Add(new Verified("silo-1", Run.At(1), [new ChainProblem("chain x", "hash")]) { Status = 200 });
        Finds("audit verifies", "chain x");
    }

    [Fact]
    public void A_grant_from_before_a_restore()
    {
        run.Restore = new Restore(Run.At(100), Run.At(200), Run.At(300));
        run.Window("1", issued: 0, expires: 10_000);
        run.Call("a", "1", sent: 5199, arrives: 5201);
        Finds("starts", "from before the restore");
    }

    [Fact]
    public void A_grant_that_was_ended_again_after_a_restore_that_forgot_its_first_life()
    {
        run.Restore = new Restore(Run.At(100), Run.At(200), Run.At(300));
        run.Revoke("1", sent: 150, answered: 160, recorded: false);
        run.Window("1", issued: 350, expires: 10_000);
        run.Call("a", "1", sent: 5300, arrives: 5301);
        Assert.Empty(run.Check());
        run.Revoke("1", sent: 5310, answered: 5320);
        run.Call("b", "1", sent: 5330, arrives: 5331);
        Finds("starts", "the end of gr_1");
    }

    [Fact]
    public void A_block_that_was_answered_after_a_restore_or_before_the_copy()
    {
        run.Restore = new Restore(Run.At(100), Run.At(200), Run.At(300));
        run.Allowed("1");
        run.Block(answered: 150);
        run.Call("a", "1", sent: 400, arrives: 401);
        Assert.Empty(run.Check());
        run.Call("b", "1", sent: 170, arrives: 171);
        Finds("starts", "was blocked 21 ms before");
        run.Block(answered: 310);
        Finds("starts", "was blocked 91 ms before");
    }

    [Fact]
    public void A_restore_loses_what_came_after_the_copy_and_nothing_else()
    {
        run.Restore = new Restore(Run.At(100), Run.At(200), Run.At(300));
        run.Deeds.Add(new Voted("silo-1", Run.At(150), "rq_1", "dev:user:bob", "approve") { Status = 200, AnsweredAt = Run.At(160) });
        Assert.Empty(run.Check());
        run.Deeds.Add(new Voted("silo-1", Run.At(50), "rq_2", "dev:user:bob", "approve") { Status = 200, AnsweredAt = Run.At(60) });
        Finds("nothing acknowledged is lost", "rq_2");
    }

    [Fact]
    public void A_restore_excuses_no_gap_and_no_missing_outcome()
    {
        run.Restore = new Restore(Run.At(100), Run.At(200), Run.At(300));
        run.Deeds.Add(new Verified("silo-1", Run.At(1), [new ChainProblem("gateway/gw_1", "entry 5 is missing")]) { Status = 200 });
        Finds("audit verifies", "gateway/gw_1");
        run.Deeds.Clear();
        run.Counted("1", uses: 1, issued: 0, expires: 10_000);
        run.Use("1", at: 50, ends: false);
        Finds("outcomes", "0 outcomes");
    }

    [Fact]
    public void An_answer_that_only_a_bug_gives()
    {
        run.Deeds.Add(new Voted("silo-1", Run.At(150), "rq_1", "dev:user:bob", "approve") { Status = 500, AnsweredAt = Run.At(160) });
        Finds("failures", "Voted sent to silo-1");
    }

    [Fact]
    public void What_a_suspension_leaves_is_told_apart()
    {
        run.Window("1", issued: 0, expires: 1000);
        run.Faults.Add(new Fault("gateway-1", FaultKind.Suspended, Run.At(20), Run.At(60)));
        run.Revoke("1", sent: 30, answered: 40);
        run.Call("a", "1", sent: 19, arrives: 61);
        Finds(Starts.Remainder, "had been answered");
    }

    [Fact]
    public void More_than_suspensions_leave_are_violations()
    {
        var fault = new Fault("gateway-1", FaultKind.Suspended, Run.At(20), Run.At(60));
        Violation[] found = [.. Enumerable.Repeat(new Violation(Starts.Remainder, "x"), 2)];
        Assert.Empty(Checker.Violations(found, [fault]));
        Assert.Equal(3, Checker.Violations([.. found, found[0]], [fault]).Count);
        Assert.Single(Checker.Violations([.. found, new Violation("uses", "y")], [fault]));
    }

    private void Finds(string invariant, string what) =>
        Assert.Contains(run.Check(), found => found.Invariant == invariant && found.What.Contains(what, StringComparison.Ordinal));
}
