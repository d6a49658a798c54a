using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Identity;
using JitGrains.PolicyVersions;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Network;
using JitGrains.Silo.Policies;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.Silo.ControlPlane;

/// <summary>Makes a change of policy that is well-formed: through the gate, then in force, then known to every gateway. Stateless.</summary>
internal static class PolicyChanges
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(5);

    /// <summary>The policy of this process is in its files.</summary>
    public static Problem FromFiles { get; } =
        new("policy-from-files", 409, "The policy is in files", "This process takes its policy from files; change those. A policy that is changed here needs a database.");

    public static async Task<IResult> MakeAsync(
        HttpContext http, string action, string method, string target, ImmutableArray<PolicyText> files, string version, string? reason, string? expected, long? rolledBackTo)
    {
        if (http.RequestServices.GetService<PolicyAdministration>() is not { } policies)
            return FromFiles;
        var caller = http.Caller();
        var services = http.RequestServices;
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        var gate = services.GetRequiredService<PolicyGate>();
        var shown = await DifferenceAsync(services.GetRequiredService<IPolicyStore>(), files);
        var change = new PolicyChange(action, method, target, files, version, reason, expected, shown);
        switch (await gate.EnterAsync(caller, change, CallOrigins.Of(http), Credentials.DeviceOf(http)))
        {
            case GateAnswer.Open open:
                return await ThroughAsync(policies, gate, open, files, caller, reason, expected, rolledBackTo, now);
            case GateAnswer.Denied:
                return Problems.Forbidden("The policy in force does not let you change it.");
            case GateAnswer.SignInNeeded needed:
                return Problems.SignInNeeded(needed.Demand);
            case GateAnswer.ReasonNeeded:
                return new Problem("reason-required", 403, "A reason is needed", "The policy in force wants a reason for this.").With("field", "reason");
            case GateAnswer.Pending pending:
                return ApprovalRequired(pending, action, services.GetRequiredService<SiloOptions>().PublicUrl);
            case GateAnswer.Refused refused:
                return Problems.From(refused.Because, now);
            default:
                throw new InvalidOperationException("Answers of the gate are closed.");
        }
    }

    private static async Task<IResult> ThroughAsync(
        PolicyAdministration policies, PolicyGate gate, GateAnswer.Open open, ImmutableArray<PolicyText> files, Caller caller, string? reason, string? expected, long? rolledBackTo, DateTimeOffset now)
    {
        var done = false;
        try
        {
            // Not cut short by a client that hangs up: what was begun is told to every gateway.
            var reply = await policies.ApplyAsync(files, caller.Principal, reason, expected, rolledBackTo);
            done = reply.Value is not null;
            return reply.Value is { } result ? Json.Ok(result) : Problems.From(reply.Refusal!, now);
        }
        finally
        {
            await gate.LeaveAsync(open, done);
        }
    }

    private static async Task<string> DifferenceAsync(IPolicyStore store, ImmutableArray<PolicyText> files) =>
        await store.GetPolicyHeadAsync() is { } head && await store.GetPolicyAsync(head.Sequence) is { } current
            ? LineDiff.Of(current.Files, files)
            : LineDiff.Of([], files);

    private static Problem ApprovalRequired(GateAnswer.Pending pending, string action, Uri? publicUrl)
    {
        var path = $"/api/v1/requests/{pending.RequestId}";
        return new Problem("approval-required", 403, "Approval is required", "Send the same call again once it is approved.")
            .With("task", new
            {
                Id = pending.RequestId,
                Status = RequestStatus.Pending,
                Action = action,
                Resource = "",
                StatusEndpoint = path,
                ExpiresAt = pending.DecideBy,
                Links = new { Self = path, Approve = publicUrl is null ? null : publicUrl.AbsoluteUri.TrimEnd('/') + path },
            })
            .WithHeader("Jit-Request", pending.RequestId)
            .RetryAfter(Retry);
    }
}
