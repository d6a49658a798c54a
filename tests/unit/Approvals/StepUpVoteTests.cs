using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Identity;
using static JitGrains.TestSupport.Sample;

namespace JitGrains.UnitTests.Approvals;

/// <summary>What stages demand of the sign-in of those who vote, when they vote and when the grant is used.</summary>
public sealed class StepUpVoteTests
{
    private const string Digest = "hmac-sha256;jit-review-1;x";

    private static readonly SignInDemand Demand = new() { MaxAgeSeconds = 300, Acr = ["gold"], Amr = ["mfa"] };
    private static readonly SignIn Strong = new() { At = Start.AddMinutes(-1), Acr = "gold", Amr = ["pwd", "mfa"] };

    [Fact]
    public void A_weak_vote_is_refused_with_what_is_demanded_and_a_strong_one_counts()
    {
        var state = Raised(Stage() with { SignIn = Demand });
        foreach (var weak in new[] { null, SignIn.Unknown, Strong with { At = null }, Strong with { At = Start.AddMinutes(-6) }, Strong with { Acr = "silver" }, Strong with { Amr = ["pwd"] } })
        {
            foreach (var decision in new[] { VoteDecision.Approve, VoteDecision.Deny })
            {
                var refused = RequestMachine.Vote(state, Vote(Bob, decision, Digest) with { SignIn = weak }, Start);
                Assert.Same(Demand, Assert.IsType<Refusal.SignInNeeded>(refused.Reply.Refusal).Demand);
                Assert.Empty(refused.Events);
            }
        }

        var voted = RequestMachine.Vote(state, Vote(Bob, VoteDecision.Approve, Digest) with { SignIn = Strong }, Start);
        Assert.Equal(2, voted.Events.Length);
        var recorded = Assert.IsType<RequestEvent.Voted>(voted.Events[0]);
        Assert.Same(Strong, recorded.Vote.SignIn);
        var audited = Assert.Single(new RequestMachine().Audit(state, recorded)).Fields;
        Assert.Equal(["gold", "pwd mfa"], audited.Where(f => f.Name is "acr" or "amr").Select(f => f.Value));
    }

    [Fact]
    public void Who_may_not_vote_at_all_is_not_told_how_to_sign_in()
    {
        var state = Raised(Stage() with { SignIn = Demand });
        Assert.IsType<Refusal.NotEligible>(RequestMachine.Vote(state, Vote(Dave, VoteDecision.Approve, Digest, "dev:auditors"), Start).Reply.Refusal);
        Assert.IsType<Refusal.NotEligible>(RequestMachine.Vote(state, Vote(Alice, VoteDecision.Approve, Digest), Start).Reply.Refusal);
    }

    [Fact]
    public void Whom_several_stages_admit_signs_in_as_each_of_them_demands()
    {
        var state = Raised(Stage(), Stage() with { Name = "second", SignIn = Demand });
        Assert.IsType<Refusal.SignInNeeded>(RequestMachine.Vote(state, Vote(Bob, VoteDecision.Approve, Digest), Start).Reply.Refusal);
        Assert.Null(RequestMachine.Vote(state, Vote(Bob, VoteDecision.Approve, Digest) with { SignIn = Strong }, Start).Reply.Refusal);
    }

    [Fact]
    public void A_grant_whose_votes_were_cast_too_weakly_for_the_rule_as_it_is_now_does_not_stand()
    {
        var strict = Terms(Stage() with { SignIn = Demand });
        var grant = Grant() with { Votes = [Recorded(Bob, Managers)] };
        Assert.True(Stands(grant, Terms()));
        Assert.False(Stands(grant, strict));
        Assert.True(Stands(grant with { Votes = [Recorded(Bob, Managers) with { SignIn = Strong }] }, strict));
        // Judged as of the vote: that it was a while ago by now does not matter.
        Assert.False(Stands(grant with { Votes = [Recorded(Bob, Managers) with { SignIn = Strong, At = Start.AddMinutes(5) }] }, strict));
    }

    [Fact]
    public void The_facts_of_a_vote_are_under_the_grants_signature()
    {
        using var key = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        var signer = new GrantSigner(key);
        var signed = signer.Sign(Grant() with { Votes = [Recorded(Bob, Managers)] });
        Assert.True(signer.Verifier.Verify(signed));
        Assert.False(signer.Verifier.Verify(signed with { Votes = [signed.Votes[0] with { SignIn = Strong }] }));
    }

    private static bool Stands(Grant grant, ApprovalTerms terms) => Quorum.StillStands(grant, terms, [Alice]);

    private static RequestState Raised(params ImmutableArray<Stage> stages)
    {
        var raised = RequestMachine.Raise(new RequestState(), Ask(terms: Terms([.. stages])), Digest, Start);
        var machine = new RequestMachine();
        return raised.Events.Aggregate(new RequestState(), machine.Apply);
    }
}
