using System.Collections.Immutable;
using JitGrains.Identity;
using JitGrains.PolicyVersions;
using JitGrains.Policy;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Policies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.Silo.ControlPlane;

/// <summary>A policy to put in force.</summary>
/// <param name="Files">Its files: text by name.</param>
/// <param name="Reason">Why; at most 500 characters.</param>
/// <param name="ExpectedVersion">The version that must be in force.</param>
/// <param name="DryRun">Only say what is wrong with it.</param>
public sealed record ApplyPolicyBody(ImmutableDictionary<string, string> Files, string? Reason, string? ExpectedVersion, bool? DryRun);

/// <summary>An earlier version to go back to.</summary>
/// <param name="To">Its number.</param>
/// <param name="Reason">Why; at most 500 characters.</param>
public sealed record RollbackBody(long To, string? Reason);

/// <summary>What is wrong with a policy.</summary>
/// <param name="Version">Its version; absent where it cannot be taken.</param>
/// <param name="Problems">Errors and warnings, each with file, line and column.</param>
public sealed record PolicyCheckView(string? Version, ImmutableArray<string> Problems);

/// <summary>A version of the policy.</summary>
public sealed record PolicyVersionView(
    long Sequence, string Version, DateTimeOffset AppliedAt, string? AppliedBy, string? Reason, long? RolledBackTo, ImmutableDictionary<string, string>? Files);

/// <summary>The latest versions, newest first.</summary>
public sealed record PolicyHistoryView(ImmutableArray<PolicyVersionView> Items);

/// <summary>The difference between two versions, as <c>diff -u</c> writes it.</summary>
public sealed record PolicyDiffView(long From, long To, string Diff);

/// <summary>Changes of the cluster's policy, and what it was.</summary>
internal static class PolicyChangeEndpoints
{
    private const int LargestBody = 12 * 1024 * 1024;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapPut("/policy", ApplyAsync).WithName("applyPolicy").WithSummary("Puts another policy in force (operators)")
            .Takes<ApplyPolicyBody>().Answers<PolicyResult>();
        api.MapPost("/policy/rollback", RollBackAsync).WithName("rollBackPolicy").WithSummary("Puts an earlier policy in force again (operators)")
            .Takes<RollbackBody>().Answers<PolicyResult>();
        api.MapGet("/policy/history", HistoryAsync).WithName("listPolicyVersions").WithSummary("The latest versions of the policy (operators, auditors)")
            .Answers<PolicyHistoryView>();
        api.MapGet("/policy/versions/{sequence}", VersionAsync).WithName("getPolicyVersion").WithSummary("A version of the policy with its texts (operators, auditors)")
            .Answers<PolicyVersionView>();
        api.MapGet("/policy/diff", DiffAsync).WithName("comparePolicies").WithSummary("The difference between two versions (operators, auditors)")
            .WithQuery("from", "to").Answers<PolicyDiffView>();
    }

    private static async Task<IResult> ApplyAsync(HttpContext http, Access access, SiloOptions options)
    {
        var body = await BodyFields.ReadAsync(http, maxBytes: LargestBody);
        var files = body.TextsByName("files");
        var reason = body.Sentence("reason");
        var expected = body.Text("expected_version", 64);
        var dryRun = body.Flag("dry_run");
        if (files.Any(f => !IsFileName(f.Name)))
            body.Wrong("files", "A file's name has 1 to 128 letters, digits, dots, hyphens and underscores.");
        if (body.Finish() is { } malformed)
            return malformed;
        if (!access.IsOperator(http.Caller()))
            return Problems.Forbidden("Only operators change the policy.");

        ImmutableArray<PolicyText> texts = [.. files.Select(f => new PolicyText(f.Name, f.Text)).OrderBy(f => f.Name, StringComparer.Ordinal)];
        var loaded = PolicyLoader.Load([.. texts.Select(f => new PolicyFile(f.Name, f.Text))]);
        string[] forbidden = loaded.Policy is { } read ? [.. options.Upstreams.ProblemsOf(read)] : [];
        var policy = forbidden.Length == 0 ? loaded.Policy : null;
        ImmutableArray<string> problems = [.. loaded.Problems.Select(p => p.ToString()), .. forbidden];
        if (dryRun)
            return Json.Ok(new PolicyCheckView(policy?.Version, problems));
        return policy is null
            ? Problems.PolicyInvalid(problems)
            : await PolicyChanges.MakeAsync(http, PolicyGate.Apply, "PUT", "/api/v1/policy", texts, policy.Version, reason, expected, rolledBackTo: null);
    }

    private static async Task<IResult> RollBackAsync(HttpContext http, Access access, IPolicyStore store, SiloOptions options)
    {
        var body = await BodyFields.ReadAsync(http);
        var to = body.Count("to");
        var reason = body.Sentence("reason");
        if (body.Finish() is { } malformed)
            return malformed;
        if (!access.IsOperator(http.Caller()))
            return Problems.Forbidden("Only operators change the policy.");
        var found = await store.GetPolicyAsync(to, http.RequestAborted);
        // What was fine then may name what the configuration no longer lets it.
        if (found is not null && PolicyLoader.Load([.. found.Files.Select(f => new PolicyFile(f.Name, f.Text))]).Policy is { } policy && options.Upstreams.ProblemsOf(policy).ToArray() is { Length: > 0 } forbidden)
            return Problems.PolicyInvalid(forbidden);
        return found is { } earlier
            ? await PolicyChanges.MakeAsync(http, PolicyGate.Rollback, "POST", "/api/v1/policy/rollback", earlier.Files, earlier.Version, reason, expected: null, to)
            : Problems.NotFound("version of the policy");
    }

    private static async Task<IResult> HistoryAsync(HttpContext http, Access access)
    {
        if (new QueryFields(http.Request).Finish() is { } malformed)
            return malformed;
        if (Refused(http, access) is { } refused)
            return refused;
        return http.RequestServices.GetService<PolicyAdministration>() is not { } policies
            ? PolicyChanges.FromFiles
            : Json.Ok(new PolicyHistoryView([.. (await policies.HistoryAsync()).Select(e =>
                new PolicyVersionView(e.Sequence, e.Version, e.AppliedAt, e.AppliedBy?.Value, e.Reason, e.RolledBackTo, Files: null))]));
    }

    private static async Task<IResult> VersionAsync(string sequence, HttpContext http, Access access, IPolicyStore store)
    {
        if (new QueryFields(http.Request).Finish() is { } malformed)
            return malformed;
        if (Refused(http, access) is { } refused)
            return refused;
        return long.TryParse(sequence, out var number) && await store.GetPolicyAsync(number, http.RequestAborted) is { } found
            ? Json.Ok(new PolicyVersionView(
                found.Sequence, found.Version, found.AppliedAt, found.AppliedBy?.Value, found.Reason, null,
                found.Files.ToImmutableDictionary(f => f.Name, f => f.Text, StringComparer.Ordinal)))
            : Problems.NotFound("version of the policy");
    }

    /// <summary>Without <c>to</c> against the latest, without <c>from</c> against the one before.</summary>
    private static async Task<IResult> DiffAsync(HttpContext http, Access access, IPolicyStore store)
    {
        var query = new QueryFields(http.Request);
        var (from, to) = (query.Number("from", 0, long.MaxValue), query.Number("to", 1, long.MaxValue));
        if (query.Finish() is { } malformed)
            return malformed;
        if (Refused(http, access) is { } refused)
            return refused;
        if ((to ??= (await store.GetPolicyHeadAsync(http.RequestAborted))?.Sequence) is not { } latest
            || await store.GetPolicyAsync(latest, http.RequestAborted) is not { } after)
        {
            return Problems.NotFound("version of the policy");
        }

        // Before the first there was nothing.
        var earlier = from ?? latest - 1;
        var before = await store.GetPolicyAsync(earlier, http.RequestAborted);
        return before is null && earlier > 0
            ? Problems.NotFound("version of the policy")
            : Json.Ok(new PolicyDiffView(earlier, latest, LineDiff.Of(before?.Files ?? [], after.Files)));
    }

    private static Problem? Refused(HttpContext http, Access access) =>
        access.SeesAll(http.Caller()) ? null : Problems.Forbidden("Only operators and auditors read policies.");

    private static bool IsFileName(string name) =>
        name.Length is >= 1 and <= 128 && name[0] != '.' && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');
}
