using System.Collections.Immutable;
using System.Net;
using JitGrains.Network;
using JitGrains.Policy;
using Microsoft.Extensions.Configuration;

namespace JitGrains.Silo.Upstreams;

/// <summary>
/// What policy may not decide: which secrets go where, and in which networks upstreams are. Link-local addresses, where clouds
/// give their machines' credentials away, are never among them. Immutable and thread-safe.
/// </summary>
public sealed class UpstreamRules
{
    private static readonly AddressSet Never = new(
    [
        IPNetwork.Parse("169.254.0.0/16"), IPNetwork.Parse("fe80::/10"),
        // Where AWS and Azure answer what they elsewhere answer by link-local addresses.
        IPNetwork.Parse("fd00:ec2::254/128"), IPNetwork.Parse("168.63.129.16/32"),
    ]);

    private readonly ImmutableArray<SecretRule> secrets;
    private readonly AddressSet networks;

    /// <summary>Rules.</summary>
    /// <param name="secrets">Which secrets may be named.</param>
    /// <param name="networks">In which networks upstreams may be; empty for all but link-local ones.</param>
    public UpstreamRules(IEnumerable<SecretRule> secrets, AddressSet networks) => (this.secrets, this.networks) = ([.. secrets], networks);

    /// <summary>No secrets; upstreams anywhere but in link-local networks.</summary>
    public static UpstreamRules None { get; } = new([], AddressSet.Empty);

    /// <summary>Reads <c>Secrets</c> and <c>UpstreamNetworks</c>, adding to <paramref name="problems"/> everything that cannot be used.</summary>
    public static UpstreamRules Read(IConfiguration section, ICollection<string> problems)
    {
        List<SecretRule> listed = [];
        try
        {
            listed = section.GetSection("Secrets").Get<List<SecretRule>>(o => o.ErrorOnUnknownConfiguration = true) ?? [];
        }
        catch (InvalidOperationException e)
        {
            problems.Add($"Secrets: {(e.InnerException ?? e).Message}");
        }

        foreach (var problem in listed.SelectMany(s => s.Problems()))
            problems.Add(problem);
        var within = new List<IPNetwork>();
        const string Name = "UpstreamNetworks";
        foreach (var text in section.GetSection(Name).GetChildren().Select(c => c.Value ?? "").Concat((section[Name] ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)))
        {
            if (AddressText.TryNetwork(text, out var network, out var problem))
                within.Add(network);
            else
                problems.Add($"{Name}: '{text}' {problem}.");
        }

        return new UpstreamRules(listed, within.Count == 0 ? AddressSet.Empty : new AddressSet(within));
    }

    /// <summary>Whether an upstream may have this address. Asked for each connection, since names lead where their owners say.</summary>
    public bool Admits(IPAddress address)
    {
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return !Never.Contains(plain) && (networks.IsEmpty || networks.Contains(plain));
    }

    /// <summary>What in a policy is not for it to say. One with such problems is not taken.</summary>
    public IEnumerable<string> ProblemsOf(CompiledPolicy policy)
    {
        foreach (var api in policy.Apis)
        {
            foreach (var address in Addresses(api))
            {
                if (IPAddress.TryParse(address.IdnHost, out var literal) && !Admits(literal))
                    yield return $"apis.{api.Name}: calls may not go to {address.Authority}: link-local addresses are never upstreams, others as UpstreamNetworks of the configuration says";
            }

            foreach (var (reference, to) in api.Credential?.Secrets ?? [])
            {
                foreach (var address in to is null ? api.Upstreams : [to])
                {
                    if (!secrets.Any(s => s.Names(reference) && s.Admits(address)))
                        yield return $"apis.{api.Name}.credential: {reference} may not be sent to {address.GetLeftPart(UriPartial.Authority)}; which secrets policy may name, and for which upstreams, is in the configuration (Secrets)";
                }
            }
        }
    }

    private static IEnumerable<Uri> Addresses(ApiDefinition api) => api.Credential?.OAuth is { } oauth ? api.Upstreams.Append(oauth.TokenUrl) : api.Upstreams;
}
