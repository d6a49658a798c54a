namespace JitGrains.UnitTests.Properties;

/// <summary>
/// Every machine against a simple model of its own: random commands, hostile ones among them, at random times, with and
/// without their reminders.
/// </summary>
public sealed class PropertyTests
{
    [Fact]
    public void Requests_are_decided_once_by_those_who_may() => PropertyRun.Hold(new RequestSpec());

    [Fact]
    public void Grants_are_used_as_often_as_they_may_and_never_once_they_ended() => PropertyRun.Hold(new PrincipalSpec());

    [Fact]
    public void A_lease_only_goes_forward_and_keeps_its_mail() => PropertyRun.Hold(new LeaseSpec());

    [Fact]
    public void The_directory_is_a_set() => PropertyRun.Hold(new DirectorySpec(), runs: 150);

    [Fact]
    public void Restrictions_hold_until_they_are_taken_back() => PropertyRun.Hold(new RestrictionsSpec());

    [Fact]
    public void A_revoked_key_stays_revoked() => PropertyRun.Hold(new ApiKeysSpec());

    [Fact]
    public void Sessions_end_when_they_should() => PropertyRun.Hold(new SessionsSpec());

    [Fact]
    public void No_more_of_a_limit_is_leased_than_there_is() => PropertyRun.Hold(new QuotaSpec());

    [Fact]
    public void A_policy_is_put_in_force_once() => PropertyRun.Hold(new PolicySpec(), runs: 100, steps: 15);

    [Fact]
    public void One_assertion_key_signs_at_a_time_and_is_published_before() => PropertyRun.Hold(new AssertionKeysSpec(), runs: 150);

    [Fact]
    public void A_chain_is_named_once() => PropertyRun.Hold(new SystemChainSpec(), runs: 150);
}
