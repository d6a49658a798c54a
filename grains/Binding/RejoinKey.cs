using System.Buffers.Text;
using System.Security.Cryptography;
using JitGrains.Grants;

namespace JitGrains.Binding;

/// <summary>What makes two asks the same one. Stateless and thread-safe.</summary>
public static class RejoinKey
{
    /// <summary>
    /// SHA-256 over caller, API, action, and as much of the rest as the binding pins; 43 characters of base64url. Not keyed:
    /// all that goes in is in the ask already, the payload as a keyed digest.
    /// </summary>
    /// <param name="callerKey">Subject, whole actor chain and whoever else is behind the call (<see cref="Identity.Caller.AskKey"/>).</param>
    /// <param name="api">The API's name.</param>
    /// <param name="action">The action's name.</param>
    /// <param name="resource">The resource; not part of the key where the binding is the action alone.</param>
    /// <param name="binding">How much is pinned.</param>
    /// <param name="payloadDigest">The payload's digest; part of the key where the binding is the payload.</param>
    public static string Compute(string callerKey, string api, string action, string resource, BindingKind binding, string? payloadDigest)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        PayloadBinding.Append(hash, "jit-rejoin-1");
        PayloadBinding.Append(hash, callerKey);
        PayloadBinding.Append(hash, api);
        PayloadBinding.Append(hash, action);
        PayloadBinding.Append(hash, binding.ToString());
        PayloadBinding.Append(hash, binding == BindingKind.Action ? "" : resource);
        PayloadBinding.Append(hash, binding == BindingKind.Payload ? payloadDigest ?? "" : "");
        return Base64Url.EncodeToString(hash.GetHashAndReset());
    }
}
